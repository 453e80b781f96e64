import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from cassandra_views.model.errors import ViewNotReady
from cassandra_views.model.generation import Serving
from tests.integration.reader.place import DAY, DAYS, START, Place, expected_top, pages_of, top


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


def test_columns_are_asked_for_by_name(place: Place) -> None:
    """Names that CQL must quote, and names that the call itself uses."""
    place.run(
        'CREATE TABLE {ks}.odd__g1 ("limit" int, "Where" text, "a b" int, self int, PRIMARY KEY ("limit", "Where"))'
    )
    place.run('INSERT INTO {ks}.odd__g1 ("limit", "Where", "a b", self) VALUES (1, \'x\', 2, 3)')
    place.serve("odd", Serving(name="odd__g1"))
    rows = place.reader().select("odd", {"limit": 1, '"Where" >=': "a"}, limit=1).rows
    assert [tuple(row) for row in rows] == [(1, "x", 2, 3)]


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
