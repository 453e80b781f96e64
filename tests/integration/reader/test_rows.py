from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra.cluster import Cluster, Session
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import dict_factory, named_tuple_factory, ordered_dict_factory, tuple_factory

from cassandra_views.model.errors import BadRead
from tests.integration.reader.place import DAYS, Place, expected_top, pages_of, top
from tests.servers import Server, connect


@pytest.fixture
def profiled(server: Server) -> Iterator[Callable[..., Session]]:
    """Sessions of their own with another row factory."""
    clusters = []

    def make(row_factory: Any) -> Session:
        cluster = connect(server.contact_points, server.port)
        cluster.profile_manager.default.row_factory = row_factory
        clusters.append(cluster)
        made = cluster.connect()
        made.default_fetch_size = 7  # every read is of several pages of the driver
        return made

    yield make
    for cluster in clusters:
        cluster.shutdown()


@pytest.mark.parametrize("factory", [dict_factory, tuple_factory, named_tuple_factory, ordered_dict_factory])
def test_rows_come_as_the_row_factory_makes_them(
    place: Place, profiled: Callable[[Any], Session], factory: Callable[..., Any]
) -> None:
    place.serve("top", top(1))
    reader = place.reader(profiled(factory))
    expected = factory(["day", "total", "streamer"], expected_top(DAYS[0]))
    whole = reader.select("top", day=DAYS[0]).rows
    assert type(whole[0]).__name__ == type(expected[0]).__name__
    assert whole == list(expected)
    for limit in (3, 10, 20):
        assert pages_of(reader.select, limit, "top", day=DAYS[0]) == whole


def test_rows_without_columns_cannot_be_paged(place: Place, profiled: Callable[[Any], Session]) -> None:
    place.serve("top", top(1))
    reader = place.reader(profiled(lambda _names, rows: [sum(map(len, map(str, row))) for row in rows]))
    assert reader.select("top", day=DAYS[0]).rows == [14] * 20
    page = reader.select("top", day=DAYS[0], limit=5)
    assert page.rows == [14] * 5
    with pytest.raises(BadRead, match="rows of int have no columns"):
        assert page.next_page


def test_a_session_of_the_legacy_mode(place: Place, server: Server) -> None:
    place.serve("top", top(1))
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc="datacenter1"))
    with pytest.warns(DeprecationWarning, match="Legacy execution parameters"):
        made = Cluster(server.contact_points, port=server.port, load_balancing_policy=policy, connect_timeout=30)
    with made, made.connect(place.keyspace) as legacy:
        legacy.default_timeout = 30
        for factory in (named_tuple_factory, dict_factory, tuple_factory):
            legacy.row_factory = factory
            reader = place.reader(legacy, keyspace=None)
            assert pages_of(reader.select, 6, "top", day=DAYS[0]) == list(
                factory(["day", "total", "streamer"], expected_top(DAYS[0]))
            )
