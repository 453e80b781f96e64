from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from cassandra_views.model.errors import BadRead, NotCovered, ReadError, ViewNotReady
from cassandra_views.model.generation import Serving
from cassandra_views.read import ViewReader
from tests.integration.reader.place import DAYS, Place, create_top, top


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ({"day": "2025-12-31"}, ViewNotReady, "the time 2025-12-31 is not covered"),
        ({"day": [DAYS[0], "2025-12-31"]}, ViewNotReady, "the time 2025-12-31 is not covered"),
        ({"day": 5}, BadRead, "'day' is text and is given 5"),
        ({"day": DAYS[0], "total": "many"}, BadRead, r"'total' is bigint and is given 'many' \(str\)"),
        ({"day": DAYS[0], "total": [1, "many"]}, BadRead, "'total' is bigint and is given 'many'"),
        ({"day": DAYS[0], "total >": 2**70}, BadRead, "'total' is bigint and is given"),
        ({"day": DAYS[0], "total": None}, BadRead, "'total' is given no value"),
        ({"dy": DAYS[0]}, BadRead, r"no column 'dy'; did you mean 'day'\?"),
        ({"total >": 3}, BadRead, "without the partition key"),
        ([("day", DAYS[0])], BadRead, "'where' is a list"),
    ],
)
def test_wrong_reads(place: Place, where: Any, error: type[ReadError], message: str) -> None:
    place.serve("top", top(1))
    with pytest.raises(error, match=message) as caught:
        place.reader().select("top", where)
    assert caught.value.next


def test_wrong_limits_and_doubled_columns(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader()
    for limit in (0, -1, 2.0, "5", True, 2**31):
        with pytest.raises(BadRead, match="is no whole number from 1 on"):
            reader.select("top", day=DAYS[0], limit=limit)  # type: ignore[arg-type]
    with pytest.raises(BadRead, match="'day' is given twice"):
        reader.select("top", {"day": DAYS[0]}, day=DAYS[0])
    with pytest.raises(BadRead, match="'day' is asked for by '=' and '=' at once"):
        reader.select("top", {"day =": DAYS[0]}, day=DAYS[0])


def test_what_the_server_refuses_or_cannot_answer(place: Place, session: Session, keyspace: str) -> None:
    place.serve("free", Serving(name="top__g1"))
    with pytest.raises(BadRead, match=r"the server refuses the read: .*[Kk]ey may not be empty"):
        place.reader().select("free", day="")
    session.execute(
        f"ALTER KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 3}}"
    )
    session.execute(f"CREATE TABLE {keyspace}.far__g1 (k int PRIMARY KEY)")
    Place(session, place.registry, keyspace).serve("far", Serving(name="far__g1"))
    reader = ViewReader(session, registry=place.registry, keyspace=keyspace)
    with pytest.raises(ReadError, match=r"far \(far__g1\): the read failed") as caught:
        reader.select("far", k=1)
    assert type(caught.value) is ReadError
    assert caught.value.__cause__ is not None
    at_one = ViewReader(session, registry=place.registry, keyspace=keyspace, consistency=ConsistencyLevel.ONE)
    assert at_one.select("far", k=1).rows == []


def test_a_renamed_time_column_still_bounds_the_reads(place: Place, keyspace: str) -> None:
    own = Place(place.session, place.registry, keyspace)
    own.run("CREATE TABLE {ks}.base (streamer text, day text, total bigint, PRIMARY KEY (streamer, day))")
    create_top(own, 1)
    own.run("INSERT INTO {ks}.base (streamer, day, total) VALUES ('ann', %s, 5)", DAYS[0])
    own.serve("top", top(1))
    kept = own.reader()
    assert len(kept.select("top", day=DAYS[0])) == 1
    own.run("ALTER TABLE {ks}.base RENAME day TO moon_day")
    for reader in (
        own.reader(),
        kept,
    ):  # one meets the view for the first time, the other has known it by its old names
        assert [row.moon_day for row in reader.select("top")] == [DAYS[0]]
        assert len(reader.select("top", moon_day=DAYS[0])) == 1
        with pytest.raises(NotCovered, match="the time 2025-12-31 is not covered"):
            reader.select("top", moon_day="2025-12-31")
        with pytest.raises(BadRead, match="no column 'day'"):
            reader.select("top", day=DAYS[0])
        described = reader.describe("top")
        assert described.time is not None
        assert described.time.name == "moon_day"
