"""Reads from coroutines on a real server, while what serves is replaced and dropped."""

import asyncio
import time
from typing import Any

from cassandra_views import AsyncViewReader
from cassandra_views.model.errors import ReadError
from tests.integration.reader.place import DAYS, Place, create_top, expected_top, top


def test_no_read_of_a_coroutine_fails_or_is_empty_while_its_generation_is_dropped(place: Place, keyspace: str) -> None:
    own = Place(place.session, place.registry, keyspace)
    own.run("CREATE TABLE {ks}.base (streamer text, day text, total bigint, PRIMARY KEY (streamer, day))")
    for number in range(20):
        own.run("INSERT INTO {ks}.base (streamer, day, total) VALUES (%s, %s, 1)", f"s{number:02d}", DAYS[0])
    for number in (1, 2):
        create_top(own, number)
    deadline = time.monotonic() + 30
    while any(len(list(own.run(f"SELECT * FROM {{ks}}.top__g{each}"))) < 20 for each in (1, 2)):
        assert time.monotonic() < deadline
    own.serve("top", top(1))
    wrong: list[Any] = []
    seen: dict[float, set[str]] = {0.0: set(), 3600.0: set()}  # by how long the pointer is cached

    async def read(reader: AsyncViewReader, cache_seconds: float, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            try:
                result = await reader.select("top", {"total >=": 0}, day=DAYS[0])
                rows, page = list[Any](), None
                while page is not None or not rows:
                    part = await reader.select("top", day=DAYS[0], limit=7, page=page)
                    rows += part.rows
                    page = part.next_page
            except ReadError as error:
                wrong.append(error)
                continue
            if (len(result), len(rows)) != (20, 20):
                wrong.append((result, rows))
            seen[cache_seconds].update(result.generations)

    async def replace_what_serves() -> None:
        is_over = asyncio.Event()
        readers = {
            seconds: AsyncViewReader(own.session, registry=own.registry, keyspace=own.keyspace, cache_seconds=seconds)
            for seconds in seen
        }
        async with asyncio.TaskGroup() as tasks:
            for seconds, reader in [*readers.items(), *readers.items()]:
                tasks.create_task(read(reader, seconds, is_over))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own.serve, "top", top(2))
            await asyncio.to_thread(own.run, "DROP MATERIALIZED VIEW {ks}.top__g1")
            await asyncio.sleep(0.5)
            is_over.set()

    try:
        asyncio.run(replace_what_serves())
    finally:
        own.serve("top")
    assert wrong == []
    assert all(names == {"top__g1", "top__g2"} for names in seen.values())


def test_rows_and_pages_are_those_of_the_reader_for_threads(place: Place) -> None:
    place.serve("top", top(1))

    async def read() -> tuple[Any, ...]:
        reader = AsyncViewReader(place.session, registry=place.registry, keyspace=place.keyspace)
        return (
            await reader.select("top", day=DAYS),
            await reader.select("top", day=DAYS[:2], limit=25),
            await reader.select("top"),
            await reader.describe("top"),
        )

    some, page, whole, description = asyncio.run(read())
    other = place.reader()
    assert [tuple(row) for row in some] == expected_top(*DAYS)
    assert page.rows == some.rows[:25]
    assert page.next_page == other.select("top", day=DAYS[:2], limit=25).next_page
    assert sorted(whole.rows) == sorted(some.rows)
    assert description == other.describe("top")
