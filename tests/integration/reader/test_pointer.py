import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cassandra_views.model.errors import BadRead, ReadError, ViewNotFound, ViewNotReady
from cassandra_views.model.generation import Serving
from cassandra_views.read import ViewReader
from tests.integration.reader.place import DAYS, Place, create_top, make_registry, pages_of, top
from tests.servers import Server, connect


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
        assert caught.value.next.startswith("Check that its nodes are up")
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


def test_a_view_unknown_to_one_thread_does_not_break_the_read_of_another(place: Place, keyspace: str) -> None:
    own = Place(place.session, place.registry, keyspace)
    for number in (1, 2):
        own.run(f"CREATE TABLE {{ks}}.seen__g{number} (k int PRIMARY KEY)")
    own.serve("seen", Serving(name="seen__g1"))
    met, other = threading.Barrier(2), threading.current_thread()

    class Halting(Clock):
        """Halts the reading thread between its failed read and its look into the registry."""

        def __call__(self) -> float:
            if threading.current_thread() is not other and is_dropped.is_set():
                calls.append(1)
                if len(calls) == 2:  # the first asks whether the pointer is due
                    met.wait(60)
                    met.wait(60)
            return self.now

    is_dropped, calls = threading.Event(), list[int]()
    clock = Halting()
    reader = own.reader(cache_seconds=5.0, clock=clock)
    assert reader.select("seen").generations == ("seen__g1",)
    own.run("DROP TABLE {ks}.seen__g1")
    is_dropped.set()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(reader.select, "seen")
        met.wait(60)
        place.session.execute(
            f"DELETE FROM {place.registry}.views WHERE keyspace_name = %s AND view_name = 'seen'", (keyspace,)
        )
        clock.now += 6
        with pytest.raises(ViewNotFound):
            reader.select("seen")
        own.serve("seen", Serving(name="seen__g2"))
        met.wait(60)
        assert reading.result(60).generations == ("seen__g2",)


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
