"""Jobs that read through the views that the manager made: what serves which time, and the same rows as without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from cassandra.cluster import Session

from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.registry.schema import table_statements
from spark_jobs.levels import DAY, HOUR, MINUTE
from tests.integration.spark.pipeline import NOW, Pipeline
from tests.integration.spark.test_jobs import a_few_readings

TODAY = NOW.replace(hour=0)
LIVE_VIEWS = ["twitch_live_view__g1", "twitter_live_view__g1", "youtube_live_view__g1"]


OWN_REGISTRY = "spark_own"
OwnRegistry = Callable[..., None]


@pytest.fixture
def own_registry(session: Session) -> Iterator[OwnRegistry]:
    """Say in a registry of the test's own what serves a view."""
    session.execute(f"DROP KEYSPACE IF EXISTS {OWN_REGISTRY}")
    session.execute(
        f"CREATE KEYSPACE {OWN_REGISTRY} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    session.execute(dict(table_statements(OWN_REGISTRY))["views"])

    def serve(view: str, *entries: Serving) -> None:
        for keyspace in ("spark_plain", "spark_served"):
            session.execute(
                f"INSERT INTO {OWN_REGISTRY}.views (keyspace_name, view_name, read_from) VALUES (%s, %s, %s)",
                (keyspace, view, [each.to_map() for each in entries]),
            )

    yield serve
    session.execute(f"DROP KEYSPACE {OWN_REGISTRY}")


@pytest.fixture
def today(served: Pipeline) -> Pipeline:
    """The day in which the windows of the views of minutes and hours begin."""
    return replace(served, start=TODAY)


def test_a_minute_is_read_from_the_views(served: Pipeline) -> None:
    a_few_readings(served)
    report = served.run("live_to_minute", served.at("08:10"))
    assert report.source == LIVE_VIEWS
    assert (report.rows_read, report.rows_written) == (6, 2)
    assert served.rows("minute") == {("ann", "08-10"): (7, None, 115, 122), ("bob", "08-10"): (None, 100, None, 100)}
    assert served.run("live_to_minute", served.at("08:10")).rows_read == 0


def test_a_late_reading_is_found_through_the_views(served: Pipeline) -> None:
    a_few_readings(served)
    served.run("minute_to_hour", served.at("08:00"))
    served.read("twitter", "bob", served.at("08:20:59"), 204)
    report = served.run("minute_to_hour", served.at("08:00"))
    assert (report.filled, report.rows_written) == (1, 2 + 2)
    assert served.rows("hour")["bob", "08"] == (None, 151, None, 151)  # of 100 and 202


def test_a_day_of_which_the_windows_cover_a_part(today: Pipeline, plain: Pipeline) -> None:
    """Minutes are served from five o'clock on: those before are read from the base."""
    for pipeline in (today, plain):
        for hour in ("04", "05"):
            for second in ("00", "07"):
                pipeline.read("twitch", "ann", pipeline.at(f"{hour}:59:{second}"), 10 * int(hour) + int(second))
                pipeline.read("youtube", "bob", pipeline.at(f"{hour}:00:{second}"), 5)
    report = today.run("hour_to_day", today.start)
    assert report.source == sorted([*LIVE_VIEWS, "unified_hour_view__g1", "unified_minute", "unified_minute_view__g1"])
    assert report.filled == 4 + 2
    plain.run("hour_to_day", plain.start)
    for level in ("minute", "hour", "day"):
        assert today.rows(level) == plain.rows(level) != {}
    again = today.run("minute_to_hour", today.at("04:00"), today.at("06:00"))
    assert (again.rows_read, again.rows_written, again.kept) == (0, 0, 0)


def test_an_hour_that_two_generations_and_the_base_share(
    today: Pipeline, session: Session, own_registry: OwnRegistry
) -> None:
    """From 09:20 on one generation serves, from 09:40 on another; before is the base's."""
    second = "unified_minute_view__g77"
    session.execute(
        f"CREATE MATERIALIZED VIEW {today.keyspace}.{second} AS SELECT * FROM {today.keyspace}.unified_minute "
        "WHERE timestamp >= '2026-03-10_09-40' AND streamer IS NOT NULL PRIMARY KEY (timestamp, streamer)"
    )
    column = TimeColumn(name="timestamp", kind=TimeKind.TEXT, format="%Y-%m-%d_%H-%M")
    middle = today.at("09:40")
    entries = [
        Serving(name="unified_minute_view__g1", time=column, start=today.at("09:20"), end=middle),
        Serving(name=second, time=column, start=middle),
    ]
    own_registry("unified_minute_view", *entries)
    try:
        for minute in range(60):
            today.load("minute", "cyd", today.at("09:00") + timedelta(minutes=minute), minute)
        time.sleep(2)  # Spark's driver hears of a new view after a second; the manager lets none serve so soon
        report = replace(today, registry=OWN_REGISTRY).run("minute_to_hour", today.at("09:00"))
        assert report.source == ["unified_minute", "unified_minute_view__g1", second]
        assert (report.rows_read, report.seen, report.expected) == (60, 60, 60)
        assert today.rows("hour")["cyd", "09"] == (None, None, 30, 30)  # 29.5
    finally:
        session.execute(f"DROP MATERIALIZED VIEW {today.keyspace}.{second}")


def test_views_that_lag_behind_their_bases_lose_nothing(
    plain: Pipeline, session: Session, own_registry: OwnRegistry
) -> None:
    """A server gives a write to its views after it has acknowledged it. Here it never comes, and then old values show.

    What stands for the views are tables of the same key, which no write to the bases reaches.
    """
    for level in (MINUTE, HOUR, DAY):
        session.execute(
            f"CREATE TABLE {plain.keyspace}.lagging_{level.name} (timestamp text, streamer text, youtube_count int, "
            "twitter_count int, twitch_count int, total_count bigint, PRIMARY KEY (timestamp, streamer))"
        )
        column = TimeColumn(name="timestamp", kind=TimeKind.TEXT, format=level.format)
        own_registry(f"unified_{level.name}_view", Serving(name=f"lagging_{level.name}", time=column))
    lagging = replace(plain, registry=OWN_REGISTRY)

    def show_what_stands() -> None:
        for level in (MINUTE, HOUR, DAY):
            for row in session.execute(
                "SELECT streamer, timestamp, youtube_count, twitter_count, twitch_count, total_count, "
                f"writetime(total_count) FROM {plain.keyspace}.unified_{level.name}"
            ):
                if row.timestamp.startswith(DAY.text(plain.start)):
                    session.execute(
                        f"INSERT INTO {plain.keyspace}.lagging_{level.name} (streamer, timestamp, youtube_count, "
                        "twitter_count, twitch_count, total_count) VALUES (%s, %s, %s, %s, %s, %s) USING TIMESTAMP %s",
                        tuple(row),
                    )

    def sum_of_all() -> int:
        sums = lagging.run("aggregations", lagging.start)
        assert (sums.source, sums.seen) == (["unified_day"], 2)
        found = session.execute(  # of whichever games: other tests of this keyspace may have told theirs
            f"SELECT total_count FROM {plain.keyspace}.game_aggregation WHERE timestamp = %s", (DAY.text(plain.start),)
        )
        return sum(row.total_count for row in found)

    a_few_readings(lagging)
    report = lagging.run("hour_to_day", lagging.start)
    assert {"unified_minute", "unified_hour"} <= set(report.source)
    assert lagging.rows("day") == {("ann", ""): (7, None, 166, 173), ("bob", ""): (None, 151, None, 151)}
    assert sum_of_all() == 173 + 151

    show_what_stands()
    lagging.read("youtube", "ann", lagging.at("09:20:30"), 9)  # 7 before: as many rows, another value
    lagging.run("hour_to_day", lagging.start)
    assert lagging.rows("day")["ann", ""] == (8, None, 166, 174)
    assert sum_of_all() == 174 + 151

    show_what_stands()
    assert lagging.run("aggregations", lagging.start).source == ["lagging_day"]


def test_cost_follows_the_interval(served: Pipeline) -> None:
    """What is read of a minute does not grow with what stands around it."""
    a_few_readings(served)
    for second in range(60):
        for minute in ("08:09", "08:11"):
            served.read("twitch", "ann", served.at(f"{minute}:{second:02d}"), 1)
    assert served.run("live_to_minute", served.at("08:10")).rows_read == 6
