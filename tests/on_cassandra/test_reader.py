import ipaddress
import itertools
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Cluster, Session
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import dict_factory, named_tuple_factory, ordered_dict_factory, tuple_factory
from cassandra.util import uuid_from_time
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cassandra_views.cluster.registry_schema import table_statements
from cassandra_views.model.errors import BadRead, ReadError, ViewNotFound, ViewNotReady
from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read import Result, ViewReader
from tests.servers import Server, connect

DAY = TimeColumn(name="day", kind=TimeKind.TEXT, format="%Y-%m-%d")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = [f"2026-01-{number:02d}" for number in range(1, 7)]


def make_keyspace(session: Session, name: str) -> None:
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")


def make_registry(session: Session, name: str) -> None:
    session.execute(dict(table_statements(name))["views"])


@dataclass
class Place:
    """A registry and a keyspace, and the writing of what serves, as the manager would do it."""

    session: Session
    registry: str
    keyspace: str

    def run(self, query: str, *values: Any) -> Any:
        return self.session.execute(query.replace("{ks}", self.keyspace), values or None)

    def serve(self, view: str, *entries: Serving) -> None:
        self.session.execute(
            f"INSERT INTO {self.registry}.views (keyspace_name, view_name, fence, read_from) VALUES (%s, %s, 1, %s)",
            (self.keyspace, view, [entry.to_map() for entry in entries]),
        )

    def reader(self, session: Session | None = None, **options: Any) -> ViewReader:
        options = {"registry": self.registry, "keyspace": self.keyspace} | options
        return ViewReader(session or self.session, **options)


@pytest.fixture(scope="module")
def place(session: Session) -> Iterator[Place]:
    """One registry and keyspace with six days of streamers, and generations 1 and 2 of ``top``."""
    found = Place(session, "t_reader_registry", "t_reader")
    for name in (found.registry, found.keyspace):
        make_keyspace(session, name)
    make_registry(session, found.registry)
    found.run("CREATE TABLE {ks}.base (streamer text, day text, total bigint, PRIMARY KEY (streamer, day))")
    for number in (1, 2):
        create_top(found, number)
    insert = session.prepare(f"INSERT INTO {found.keyspace}.base (streamer, day, total) VALUES (?, ?, ?)")
    for day in DAYS:
        for number in range(20):
            session.execute(insert, (f"s{number:02d}", day, number // 3))
    yield found
    for name in (found.registry, found.keyspace):
        session.execute(f"DROP KEYSPACE {name}")


def create_top(place: Place, number: int, order: str = "total DESC, streamer ASC") -> None:
    place.run(
        f"CREATE MATERIALIZED VIEW {{ks}}.top__g{number} AS SELECT * FROM {{ks}}.base "
        "WHERE streamer IS NOT NULL AND day >= '2026-01-01' AND total IS NOT NULL "
        f"PRIMARY KEY (day, total, streamer) WITH CLUSTERING ORDER BY ({order})"
    )


def top(number: int, **bounds: datetime) -> Serving:
    return Serving(name=f"top__g{number}", time=DAY, **({"start": START} | bounds))


def pages_of(select: Callable[..., Result], limit: int, *args: Any, **columns: Any) -> list[Any]:
    """Read page after page until the end, and return all rows."""
    rows: list[Any] = []
    page = None
    while True:
        result = select(*args, limit=limit, page=page, **columns)
        rows += result.rows
        page = result.next_page
        assert len(result) == limit if page else len(result) <= limit
        if page is None:
            return rows
        assert len(rows) <= 5000


def expected_top(*days: str) -> list[tuple[str, int, str]]:
    return [
        (day, total, f"s{number:02d}")
        for day in days
        for total in range(6, -1, -1)
        for number in range(20)
        if number // 3 == total
    ]


def test_a_view_is_read_by_its_logical_name(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader()
    result = reader.select("top", day=DAYS[1], limit=3)
    assert [tuple(row) for row in result] == expected_top(DAYS[1])[:3]
    assert result.rows[0].streamer == "s18"
    assert result.generations == ("top__g1",)
    assert result.window == (START, None)
    assert result.next_page
    assert 0 <= result.pointer_age_seconds < 5
    assert reader.select(f"{place.keyspace}.top", day=DAYS[1], limit=20).next_page is None
    assert reader.select("top", day=datetime(2026, 1, 2, 23, tzinfo=UTC)).rows == reader.select("top", day=DAYS[1]).rows
    ranged = reader.select("top", {"total >=": 2, "total <": 4}, day=DAYS[1])
    assert [tuple(row) for row in ranged] == [row for row in expected_top(DAYS[1]) if 2 <= row[1] < 4]
    assert len(reader.select("top")) == 120
    assert reader.select("top", day=[]).rows == []


def test_partitions_of_an_in_come_in_the_order_given(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader()
    days = [DAYS[4], DAYS[0], DAYS[4], DAYS[2]]
    expected = expected_top(DAYS[4], DAYS[0], DAYS[2])
    assert [tuple(row) for row in reader.select("top", day=days)] == expected
    assert [tuple(row) for row in reader.select("top", {"day IN": tuple(days)})] == expected
    assert [tuple(row) for row in reader.select("top", day=set(days))] == expected_top(DAYS[0], DAYS[2], DAYS[4])
    for limit in (1, 19, 20, 21, 60, 61):
        assert [tuple(row) for row in pages_of(reader.select, limit, "top", day=days)] == expected


def test_pages_outlive_a_switch_of_generations_and_the_process(place: Place) -> None:
    place.serve("top", top(1))
    first = place.reader().select("top", day=[DAYS[0], DAYS[1]], limit=7)
    place.serve("top", top(2))
    second = place.reader().select("top", day=[DAYS[0], DAYS[1]], limit=100, page=first.next_page)
    assert (first.generations, second.generations) == (("top__g1",), ("top__g2",))
    assert [tuple(row) for row in first.rows + second.rows] == expected_top(DAYS[0], DAYS[1])


def test_a_token_belongs_to_one_query_and_one_key(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader(cache_seconds=0)
    page = reader.select("top", {"total >": 1}, day=DAYS[0], limit=3).next_page
    assert len(reader.select("top", {"total >": 1, "day =": DAYS[0]}, limit=3, page=page)) == 3
    for other in ({"total >": 2, "day": DAYS[0]}, {"total >": 1, "day": DAYS[1]}, {"total >=": 1, "day": DAYS[0]}, {}):
        with pytest.raises(BadRead, match="another query"):
            reader.select("top", other, limit=3, page=page)
    with pytest.raises(BadRead, match="damaged"):
        reader.select("top", {"total >": 1}, day=DAYS[0], limit=3, page=f"{page}A")
    create_top(place, 9, "total ASC, streamer ASC")
    place.serve("top", top(9))
    with pytest.raises(BadRead, match="key has changed"):
        reader.select("top", {"total >": 1}, day=DAYS[0], limit=3, page=page)


POOLS: dict[str, list[Any]] = {
    "text": ["", "a", "ä b", "\U0001f600"],
    "ascii": ["a", "B", "~"],
    "int": [-5, 0, 2**31 - 1],
    "bigint": [-(2**63), 1, 2**40],
    "smallint": [-1, 0, 9],
    "tinyint": [-128, 0, 7],
    "varint": [-(10**30), 0, 10**25],
    "float": [-1.5, 0.1, 3e20],
    "double": [-1.5, 0.1, float("inf")],
    "decimal": [Decimal("-1.10"), Decimal("0"), Decimal("3E+5"), Decimal("2.00")],
    "uuid": [*(uuid.UUID(int=each) for each in (1, 2**127)), uuid.uuid5(uuid.NAMESPACE_DNS, "a")],
    "timeuuid": [uuid_from_time(each, node=5, clock_seq=9) for each in (1e9, 1.5e9, 1.5e9 + 0.001)],
    "timestamp": [datetime(1969, 12, 31, 23, 59, 59, 1000, tzinfo=UTC), START, START + timedelta(milliseconds=1)],
    "date": [date(1, 1, 1), date(1970, 1, 1), date(2026, 1, 5)],
    "time": ["00:00:00", "12:34:56.123456789", "23:59:59.999999999"],
    "inet": [str(ipaddress.ip_address(each)) for each in ("10.0.0.1", "200.0.0.1", "fe80::1")],
    "blob": [b"\x00", b"\xff\x00", bytes(100)],
    "boolean": [False, True],
    "frozen<list<int>>": [[], [1, 2], [1, 3], [-1]],
    "frozen<set<text>>": [set(), {"a", "b"}, {"ä"}],
    "frozen<map<text, int>>": [{}, {"a": 1, "b": 2}, {"a": 2}],
    "frozen<tuple<int, text>>": [(1, "a"), (1, "b"), (-1, "")],
    "frozen<pair>": [(1, "a"), (2, "b")],
}


@dataclass
class Keyed:
    """A physical view whose key is of many types, and what is in it."""

    name: str
    types: list[str]
    partitions: list[tuple[Any, ...]]
    values: list[list[Any]]


def keyed(place: Place, seed: int) -> Keyed:
    """Make a table of two partition columns and three clustering columns of random types and orders."""
    chance = random.Random(seed)
    # In five seeds every type has its turn: the shuffle is one for all, and each takes its part.
    every = sorted(POOLS)
    random.Random(7).shuffle(every)
    types = [every[(seed * 5 + place_) % len(every)] for place_ in range(5)]
    if types[0] == "text":  # a partition key may not be empty as a whole, which two columns never are
        types[0], types[1] = types[1], types[0]
    name = f"keys{seed}__g1"
    orders = [chance.choice(["ASC", "DESC"]) for _ in range(3)]
    place.run("CREATE TYPE IF NOT EXISTS {ks}.pair (number int, word text)")
    place.run(
        f"CREATE TABLE {{ks}}.{name} (a {types[0]}, b {types[1]}, c {types[2]}, d {types[3]}, e {types[4]}, v int, "
        f"PRIMARY KEY ((a, b), c, d, e)) WITH CLUSTERING ORDER BY (c {orders[0]}, d {orders[1]}, e {orders[2]})"
    )
    place.serve(f"keys{seed}", Serving(name=name))
    values = [POOLS[each] for each in types]
    partitions = list(itertools.product(values[0][:2], values[1][:2]))
    insert = place.session.prepare(f"INSERT INTO {place.keyspace}.{name} (a, b, c, d, e, v) VALUES (?, ?, ?, ?, ?, 1)")
    for row in itertools.product(*values[2:]):
        for partition in partitions:
            if chance.random() < 0.8:
                place.session.execute(insert, (*partition, *row))
    return Keyed(name=f"keys{seed}", types=types, partitions=partitions, values=values)


def conditions(data: st.DataObject, view: Keyed) -> dict[str, Any]:
    """Draw what to ask: the whole view, or partitions and then a prefix of = and IN, and a range."""
    if not data.draw(st.booleans(), label="by partition"):
        return {}
    asked: dict[str, Any] = {}
    for column, values in zip("ab", view.values, strict=False):
        picked = data.draw(st.lists(st.sampled_from(values[:2]), min_size=1, max_size=2), label=column)
        asked |= {f"{column} =": picked[0]} if len(picked) == 1 else {f"{column} IN": picked}
    for column, values in zip("cde", view.values[2:], strict=True):
        match data.draw(st.sampled_from(["", "=", "IN", "<", ">=", "<>"]), label=column):
            case "":
                break
            case "=":
                asked[f"{column} ="] = data.draw(st.sampled_from(values))
            case "IN":
                asked[f"{column} IN"] = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
            case "<>":
                asked[f"{column} >"], asked[f"{column} <="] = (data.draw(st.sampled_from(values)) for _ in range(2))
                break
            case op:
                asked[f"{column} {op}"] = data.draw(st.sampled_from(values))
                break
    return asked


@pytest.fixture(scope="module")
def many_keys(place: Place) -> list[Keyed]:
    return [keyed(place, seed) for seed in range(5)]


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate, Phase.explicit],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(data=st.data())
def test_pages_of_any_key_hold_what_one_read_holds(place: Place, many_keys: list[Keyed], data: st.DataObject) -> None:
    view = data.draw(st.sampled_from(many_keys), label="view")
    asked = conditions(data, view)
    reader = place.reader()
    whole = reader.select(view.name, asked).rows
    limit = data.draw(st.integers(min_value=max(1, len(whole) // 12), max_value=len(whole) + 1), label="limit")
    assert pages_of(reader.select, limit, view.name, asked) == whole
    # What the server itself says, partition by partition in the given order.
    found, names = [], [key.split() for key in asked]
    partition = {
        name: value if op == "IN" else [value] for (name, op), value in zip(names, asked.values(), strict=True)
    }
    inner = [(name, op, value) for (name, op), value in zip(names, asked.values(), strict=True) if name in "cde"]
    text = " AND ".join(["a = ?", "b = ?", *(f"{name} {op} ?" for name, op, _ in inner)] if asked else [])
    query = place.session.prepare(
        f"SELECT * FROM {place.keyspace}.{view.name}__g1" + (f" WHERE {text}" if text else "")
    )
    seen = []
    for key in itertools.product(partition["a"], partition["b"]) if asked else [()]:
        if key not in seen:
            seen.append(key)
            found += list(place.session.execute(query, [*key, *(value for _, _, value in inner)]))
    assert whole == found


def test_every_key_type_is_in_the_property(many_keys: list[Keyed]) -> None:
    assert {each for view in many_keys for each in view.types} == set(POOLS)


def test_pages_of_a_whole_view(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader()
    whole = reader.select("top").rows
    assert sorted(map(tuple, whole)) == sorted(expected_top(*DAYS))
    for limit in (1, 20, 33, 119, 120, 121):
        assert pages_of(reader.select, limit, "top") == whole


def test_steps_of_a_rotation_are_read_as_one_view(place: Place) -> None:
    steps = []
    for number, (start, end) in enumerate([(1, 3), (3, 5), (5, 7)], start=1):
        place.run(
            f"CREATE TABLE {{ks}}.steps__g{number} (day text, total bigint, streamer text, "
            "PRIMARY KEY (day, total, streamer)) WITH CLUSTERING ORDER BY (total DESC, streamer ASC)"
        )
        for row in expected_top(*DAYS[start - 1 : end - 1]):
            place.run(f"INSERT INTO {{ks}}.steps__g{number} (day, total, streamer) VALUES (%s, %s, %s)", *row)
        bounds = {"start": datetime(2026, 1, start, tzinfo=UTC), "end": datetime(2026, 1, end, tzinfo=UTC)}
        steps.append(Serving(name=f"steps__g{number}", time=DAY, **bounds))
    place.serve("steps", *reversed(steps))
    reader = place.reader()
    whole = reader.select("steps")
    assert whole.generations == ("steps__g1", "steps__g2", "steps__g3")
    assert whole.window == (START, datetime(2026, 1, 7, tzinfo=UTC))
    assert sorted(map(tuple, whole)) == sorted(expected_top(*DAYS))
    assert [row.day[-1:] in "12" for row in whole] == sorted((row.day[-1:] in "12" for row in whole), reverse=True)
    assert reader.select("steps", day=DAYS[3]).generations == ("steps__g2",)
    days = [DAYS[5], DAYS[0], DAYS[3]]
    several = reader.select("steps", day=days)
    assert several.generations == ("steps__g3", "steps__g1", "steps__g2")
    assert [tuple(row) for row in several] == expected_top(*days)
    for limit in (1, 7, 40, 119):
        assert pages_of(reader.select, limit, "steps") == whole.rows
        assert pages_of(reader.select, limit, "steps", day=days) == several.rows
    with pytest.raises(ViewNotReady):
        reader.select("steps", day="2026-01-07")


def test_no_read_fails_or_is_empty_while_its_generation_is_dropped(place: Place, keyspace: str) -> None:
    own = Place(place.session, place.registry, keyspace)
    own.run("CREATE TABLE {ks}.base (streamer text, day text, total bigint, PRIMARY KEY (streamer, day))")
    for number in range(20):
        own.run("INSERT INTO {ks}.base (streamer, day, total) VALUES (%s, %s, 1)", f"s{number:02d}", DAYS[0])
    for number in (1, 2, 3):
        create_top(own, number)
    deadline = time.monotonic() + 30
    while any(len(list(own.run(f"SELECT * FROM {{ks}}.top__g{each}"))) < 20 for each in (1, 2, 3)):
        assert time.monotonic() < deadline
    own.serve("top", top(1))
    stop = threading.Event()
    wrong: list[Any] = []
    seen: dict[float, set[str]] = {0.0: set(), 3600.0: set()}  # by how long the pointer is cached

    def read(cache_seconds: float) -> None:
        reader = own.reader(cache_seconds=cache_seconds)
        while not stop.is_set():
            try:
                result = reader.select("top", {"total >=": 0}, day=DAYS[0])
                paged = pages_of(reader.select, 7, "top", day=DAYS[0])
                # Knows no physical view yet, so that columns and statements are asked for during the drop.
                other = own.reader(cache_seconds=0).select("top")
            except ReadError as error:
                wrong.append(error)
                continue
            if (len(result), len(paged), len(other)) != (20, 20, 20):
                wrong.append((result, paged, other))
            seen[cache_seconds].update(result.generations)

    threads = [threading.Thread(target=read, args=(cache_seconds,)) for cache_seconds in (*seen, *seen)]
    for thread in threads:
        thread.start()
    try:
        for number in (1, 2):
            time.sleep(0.3)
            own.serve("top", top(number + 1))
            own.run(f"DROP MATERIALIZED VIEW {{ks}}.top__g{number}")
            time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        own.serve("top")
    assert wrong == []
    assert all(names == {"top__g1", "top__g2", "top__g3"} for names in seen.values())


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


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_last_pointer_is_kept_while_the_registry_cannot_be_read(
    place: Place, keyspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    session, clock = place.session, Clock()
    make_registry(session, keyspace)
    own = Place(session, keyspace, place.keyspace)
    own.serve("top", top(1))
    reader = own.reader(cache_seconds=5.0, clock=clock)
    assert reader.select("top", day=DAYS[0]).pointer_age_seconds == 0
    clock.now += 4
    assert reader.select("top", day=DAYS[0]).pointer_age_seconds == 4
    session.execute(f"DROP TABLE {keyspace}.views")
    with caplog.at_level(logging.INFO, "cassandra_views.read"):
        for passed in (4, 8, 12):
            clock.now = 104.0 + passed
            result = reader.select("top", day=DAYS[0])
            assert len(result) == 20
            assert result.pointer_age_seconds == 4 + passed
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert f"the registry {keyspace} cannot be read, its last answer is kept" in caplog.text
        with pytest.raises(ReadError, match="cannot be read") as caught:
            own.reader().select("top", day=DAYS[0])
        assert type(caught.value) is ReadError
        assert caught.value.next.startswith("See that its nodes are up")
        make_registry(session, keyspace)
        own.serve("top", top(2))
        clock.now += 6
        result = reader.select("top", day=DAYS[0])
        assert (result.generations, result.pointer_age_seconds) == (("top__g2",), 0)
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_dropped_generation_with_the_registry_away_is_told_by_its_cause(place: Place, keyspace: str) -> None:
    make_registry(place.session, keyspace)
    own = Place(place.session, keyspace, place.keyspace)
    own.run("CREATE TABLE {ks}.gone__g1 (k int PRIMARY KEY)")
    own.serve("gone", Serving(name="gone__g1"))
    reader = own.reader(cache_seconds=3600)
    assert reader.select("gone").rows == []
    place.session.execute(f"DROP TABLE {keyspace}.views")
    own.run("DROP TABLE {ks}.gone__g1")
    with pytest.raises(ReadError, match=r"t_reader.gone \(gone__g1\): the read failed: .*does not exist") as caught:
        reader.select("gone")
    assert caught.value.__cause__ is not None


def test_a_serving_generation_that_does_not_exist_is_an_error(place: Place) -> None:
    place.serve("phantom", Serving(name="phantom__g1"))
    with pytest.raises(ReadError, match="says that it serves, and the server has no such view"):
        place.reader().select("phantom")


def test_a_view_is_found_by_its_name_alone(place: Place, keyspace: str, server: Server) -> None:
    session = place.session
    place.serve("top", top(1))
    anywhere = ViewReader(session, registry=place.registry)
    assert len(anywhere.select("top", day=DAYS[0])) == 20
    with connect(server.contact_points, server.port) as cluster, cluster.connect(place.keyspace) as inside:
        assert len(ViewReader(inside, registry=place.registry).select("top", day=DAYS[0])) == 20
    with connect(server.contact_points, server.port) as cluster, cluster.connect(keyspace) as elsewhere:
        assert len(ViewReader(elsewhere, registry=place.registry).select("top", day=DAYS[0])) == 20
    with pytest.raises(ViewNotFound, match=f"no view 'top' in keyspace '{keyspace}'"):
        ViewReader(session, registry=place.registry, keyspace=keyspace).select("top")
    with pytest.raises(ViewNotFound, match=r"no view 'topp'; did you mean 'top'\?"):
        anywhere.select("topp")
    with pytest.raises(ViewNotFound, match=rf"did you mean '{place.keyspace}.top'\?"):
        anywhere.select(f"{place.keyspace}.tops")
    Place(session, place.registry, keyspace).serve("top", top(1))
    several = ", ".join(sorted(f"{each}.top" for each in (place.keyspace, keyspace)))
    with pytest.raises(BadRead, match=f"'top' names several views: {several}"):
        ViewReader(session, registry=place.registry).select("top")
    session.execute(f"DELETE FROM {place.registry}.views WHERE keyspace_name = %s AND view_name = 'top'", (keyspace,))
    for wrong in ("", ".top", "t_reader."):
        with pytest.raises(BadRead, match="names no view"):
            anywhere.select(wrong)
    with pytest.raises(BadRead, match="5 names no view"):
        anywhere.select(5)  # type: ignore[arg-type]


def test_a_view_that_nothing_serves_is_not_ready(place: Place) -> None:
    reader = place.reader(cache_seconds=0)
    place.serve("building")
    with pytest.raises(ViewNotReady, match="nothing serves this view"):
        reader.select("building")
    place.serve("building", top(1))
    assert len(reader.select("building", day=DAYS[0])) == 20
    place.serve("building")
    with pytest.raises(ViewNotReady, match="nothing serves this view"):
        reader.select("building", day=DAYS[0])


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


def test_a_reader_is_shared_by_threads(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader(cache_seconds=0)
    found: list[list[Any]] = []

    def read() -> None:
        for day in DAYS:
            found.append(pages_of(reader.select, 9, "top", day=day))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(rows) for rows in found) == [20] * 48


def test_columns_are_asked_for_by_name(place: Place) -> None:
    """Names that CQL must quote, and names that the call itself uses."""
    place.run(
        'CREATE TABLE {ks}.odd__g1 ("limit" int, "Where" text, "a b" int, self int, PRIMARY KEY ("limit", "Where"))'
    )
    place.run('INSERT INTO {ks}.odd__g1 ("limit", "Where", "a b", self) VALUES (1, \'x\', 2, 3)')
    place.serve("odd", Serving(name="odd__g1"))
    rows = place.reader().select("odd", {"limit": 1, '"Where" >=': "a"}, limit=1).rows
    assert [tuple(row) for row in rows] == [(1, "x", 2, 3)]
