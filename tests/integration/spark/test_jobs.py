"""Each job on real Spark and a real Cassandra without views: values, the ledger, late and missing intervals."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.errors import AnalysisException

from spark_jobs.connector import SparkTables
from spark_jobs.errors import JobError
from spark_jobs.freshness import IntervalDigest
from spark_jobs.levels import DAY, HOUR, LIVE, MINUTE, RollupLevel, parts_of
from spark_jobs.source import LevelSource
from tests.integration.spark.pipeline import Pipeline


def a_few_readings(pipeline: Pipeline, day: int = 0) -> None:
    """Two streamers in two hours of a day: four minutes with readings in all."""
    for hour in ("08", "09"):
        for minute, count in (("10", 100), ("20", 201)):
            for second in (0, 30):
                moment = pipeline.at(f"{hour}:{minute}:{second:02d}", day)
                pipeline.read("twitch", "ann", moment, count + second)
                pipeline.read("youtube", "ann", moment, 7)
                if hour == "08":
                    pipeline.read("twitter", "bob", moment, count)


def test_a_minute(plain: Pipeline) -> None:
    a_few_readings(plain)
    report = plain.run("live_to_minute", plain.at("08:10"))
    assert plain.rows("minute") == {
        ("ann", "08-10"): (7, None, 115, 122),
        ("bob", "08-10"): (None, 100, None, 100),
    }
    assert (report.intervals, report.rows_read, report.rows_written) == (1, 6, 2)
    assert (report.streamers_missing, report.seen, report.expected) == (1, 6, 180)  # cyd; three series of 60 seconds
    assert (report.filled, report.kept, report.unknown) == (0, 0, None)
    assert report.source == ["twitch_live", "twitter_live", "youtube_live"]
    line = plain.ledger(MINUTE)["08-10"]
    assert (line.rows_read, line.rows_written, line.streamers_missing, line.seen, line.expected) == (6, 2, 1, 6, 180)
    assert line.finished >= line.started
    assert line.newest_read == max(
        row[0]
        for platform in ("youtube", "twitter", "twitch")
        for row in plain.session.execute(
            f"SELECT writetime(follower_count) FROM {plain.keyspace}.{platform}_live "
            "WHERE timestamp >= %s AND timestamp < %s ALLOW FILTERING",
            (MINUTE.text(plain.at("08:10")), MINUTE.text(plain.at("08:11"))),
        )
    )


def test_a_second_run_changes_nothing(plain: Pipeline) -> None:
    a_few_readings(plain)
    first = plain.run("hour_to_day", plain.start)
    rows = [plain.rows(level) for level in ("minute", "hour", "day")]
    written = [plain.written(level) for level in ("minute", "hour", "day")]
    ledgers = [plain.ledger(level) for level in (MINUTE, HOUR, DAY)]
    second = plain.run("hour_to_day", plain.start)
    assert [plain.rows(level) for level in ("minute", "hour", "day")] == rows
    assert [plain.written(level) for level in ("minute", "hour", "day")] == written
    assert [plain.ledger(level) for level in (MINUTE, HOUR, DAY)] == ledgers
    assert (second.rows_read, second.rows_written, second.filled, second.kept) == (0, 0, 0, 0)
    assert (second.seen, second.expected, second.streamers_missing) == (first.seen, first.expected, 1)


def test_a_day_fills_all_that_is_missing(plain: Pipeline) -> None:
    a_few_readings(plain)
    report = plain.run("hour_to_day", plain.start)
    assert plain.rows("hour") == {
        ("ann", "08"): (7, None, 166, 173),  # of 115 and 216: 165.5
        ("ann", "09"): (7, None, 166, 173),
        ("bob", "08"): (None, 151, None, 151),  # of 100 and 201: 150.5
    }
    assert plain.rows("day") == {("ann", ""): (7, None, 166, 173), ("bob", ""): (None, 151, None, 151)}
    assert report.filled == 4 + 2
    assert (report.seen, report.expected) == (2 + 2 + 1, 3 * 24)  # of the day itself


def disturbances() -> list[Any]:
    """Return what may happen to a minute, each as a function of the pipeline and the minute."""

    def skipped(_pipeline: Pipeline, _minute: datetime) -> None:
        """No job ran for it."""

    def late_readings(pipeline: Pipeline, minute: datetime) -> None:
        pipeline.read("twitch", "ann", minute, 1)  # one of its readings, with a first value
        pipeline.run("live_to_minute", minute)

    def late_after_the_hour(pipeline: Pipeline, minute: datetime) -> None:
        pipeline.read("twitch", "bob", minute + timedelta(seconds=30), 55)
        pipeline.run("minute_to_hour", minute.replace(minute=0))

    return [skipped, late_readings, late_after_the_hour]


@pytest.mark.parametrize("disturb", disturbances(), ids=lambda each: each.__name__)
def test_the_day_ends_as_if_all_had_been_on_time(plain: Pipeline, disturb: Any) -> None:
    minute = "08:10"

    def last_readings(day: int) -> None:
        plain.read("twitch", "ann", plain.at(minute, day), 10)
        plain.read("twitch", "bob", plain.at("08:10:30", day), 55)
        plain.read("twitter", "bob", plain.at("08:10:31", day), 3)

    a_few_readings(plain, 0)
    a_few_readings(plain, 1)
    disturb(plain, plain.at(minute))
    last_readings(0)
    last_readings(1)
    plain.run("hour_to_day", plain.start, plain.start + timedelta(days=2))
    for level in ("minute", "hour", "day"):
        assert plain.rows(level, 0) == plain.rows(level, 1) != {}


def test_readings_that_come_after_the_day_are_found_by_its_next_run(plain: Pipeline) -> None:
    a_few_readings(plain)
    plain.run("hour_to_day", plain.start)
    plain.read("youtube", "ann", plain.at("09:20:30"), 9)  # 7 before: an overwritten one, so as many rows as before
    report = plain.run("hour_to_day", plain.start)
    assert plain.rows("minute")["ann", "09-20"] == (8, None, 216, 224)
    assert plain.rows("hour")["ann", "09"] == (8, None, 166, 174)
    assert plain.rows("day")["ann", ""] == (8, None, 166, 174)  # of 7 and 8: 7.5
    assert (report.filled, report.rows_written) == (2, 1 + 1 + 2)


def test_a_range_is_one_job_and_the_same_as_its_intervals(plain: Pipeline) -> None:
    a_few_readings(plain, 0)
    a_few_readings(plain, 1)
    report = plain.run("live_to_minute", plain.at("08:00"), plain.at("10:00"))
    assert (report.intervals, report.rows_written) == (120, 2 + 2 + 1 + 1)
    for hour in ("08", "09"):
        for minute in ("10", "20"):
            plain.run("live_to_minute", plain.at(f"{hour}:{minute}", 1))
    assert plain.rows("minute", 0) == plain.rows("minute", 1)
    assert sorted(plain.ledger(MINUTE)) == ["08-10", "08-20", "09-10", "09-20"]


def test_what_has_expired_keeps_the_rows_that_stand(plain: Pipeline) -> None:
    moment = plain.at("08:10")
    plain.read("twitch", "ann", moment, 10)
    plain.read("twitch", "ann", moment + timedelta(seconds=1), 20)
    plain.run("live_to_minute", moment)
    plain.forget("twitch", "ann", moment)
    for task in ("live_to_minute", "minute_to_hour"):
        report = plain.run(task, moment if task == "live_to_minute" else plain.at("08:00"))
        assert plain.rows("minute") == {("ann", "08-10"): (None, None, 15, 15)}
        assert report.kept == 1
    assert plain.rows("hour") == {("ann", "08"): (None, None, 15, 15)}
    plain.forget("twitch", "ann", moment + timedelta(seconds=1))  # now nothing is left
    assert plain.run("live_to_minute", moment).kept == 1
    assert plain.rows("minute") == {("ann", "08-10"): (None, None, 15, 15)}


def test_rows_that_others_loaded_are_kept_unless_they_are_named(plain: Pipeline) -> None:
    a_few_readings(plain)
    plain.load("minute", "ann", plain.at("08:10"), 9999)
    plain.load("minute", "dan", plain.at("08:10"), 1)
    report = plain.run("minute_to_hour", plain.at("08:00"))
    assert (report.filled, report.kept) == (1, 1)  # 08:20 is filled
    assert plain.rows("minute")["ann", "08-10"] == (None, None, 9999, 9999)
    assert plain.rows("hour")["ann", "08"] == (7, None, 5108, 5115)
    named = plain.run("live_to_minute", plain.at("08:10"))
    assert named.rows_written == 2
    assert plain.rows("minute")["ann", "08-10"] == (7, None, 115, 122)
    assert plain.rows("minute")["dan", "08-10"] == (None, None, 1, 1)  # nobody has readings of dan
    # From now on the ledger knows them, and the hour follows.
    assert plain.run("minute_to_hour", plain.at("08:00")).rows_written == 3
    assert plain.rows("hour")["ann", "08"] == (7, None, 166, 173)


def test_a_base_shows_spark_the_same_as_our_own_requests(plain: Pipeline) -> None:
    """Few rows are looked at by the driver, many by Spark."""
    a_few_readings(plain)
    plain.read("youtube", "bob", plain.at("08:20:07"), None)
    plain.run("minute_to_hour", plain.at("08:00"))

    def digests(level: RollupLevel, times: list[str], streamers: int) -> dict[str, IntervalDigest]:
        tables = SparkTables(plain.spark, plain.keyspace)
        source = LevelSource(
            plain.session, keyspace=plain.keyspace, registry=None, streamers=streamers, tables=lambda: tables
        )
        return dict(source.digests(level, times, MINUTE.width))

    minutes = [plain.at("08:10"), plain.at("08:20")]  # two of them, with a gap
    for level, times in ((LIVE, parts_of(MINUTE, minutes)), (MINUTE, minutes)):
        texts = [level.text(each) for each in times]
        found = digests(level, texts, streamers=3)
        assert [found[MINUTE.text(each)].rows for each in minutes] == ([6, 7] if level is LIVE else [2, 2])
        assert digests(level, texts, streamers=0) == found


def test_a_table_of_this_moment_is_found(plain: Pipeline) -> None:
    """As a view is that has just been switched to: a session of Spark's that is kept hears of it later."""
    tables = SparkTables(plain.spark, plain.keyspace)
    tables.read_whole("accounts")  # the session is there
    plain.session.execute(f"CREATE TABLE {plain.keyspace}.of_this_moment (a int PRIMARY KEY)")
    plain.session.execute(f"INSERT INTO {plain.keyspace}.of_this_moment (a) VALUES (7)")
    assert [row["a"] for row in tables.read_whole("of_this_moment").collect()] == [7]
    with pytest.raises(AnalysisException, match="Couldn't find"):
        tables.read_whole("of_no_moment")


def test_a_null_removes_what_others_loaded(plain: Pipeline) -> None:
    plain.load("minute", "ann", plain.at("08:10"), 9999)
    plain.read("youtube", "ann", plain.at("08:10"), 7)
    plain.run("live_to_minute", plain.at("08:10"))
    assert plain.rows("minute") == {("ann", "08-10"): (7, None, None, 7)}


def test_rows_that_were_lost_are_written_again(plain: Pipeline) -> None:
    a_few_readings(plain)
    plain.run("minute_to_hour", plain.at("08:00"))
    stamp = max(plain.written("minute").values())
    plain.session.execute(
        f"DELETE FROM {plain.keyspace}.unified_minute USING TIMESTAMP {stamp} WHERE streamer = %s AND timestamp = %s",
        ("ann", MINUTE.text(plain.at("08:10"))),
    )
    before = plain.rows("hour")
    assert ("ann", "08-10") not in plain.rows("minute")
    assert plain.run("minute_to_hour", plain.at("08:00")).filled == 1
    assert plain.rows("minute")["ann", "08-10"] == (7, None, 115, 122)
    assert plain.rows("hour") == before


def test_the_later_look_wins_whoever_writes_last(plain: Pipeline) -> None:
    """A job that hangs after its look writes its rows at last: those of a later look stay."""
    a_few_readings(plain)
    plain.run("live_to_minute", plain.at("08:10"))
    looked = plain.ledger(MINUTE)["08-10"].started
    stamp = int(looked.timestamp() * 1_000_000) - 1_000_000
    plain.session.execute(
        f"INSERT INTO {plain.keyspace}.unified_minute (streamer, timestamp, total_count) VALUES ('ann', %s, 1) "
        f"USING TIMESTAMP {stamp}",
        (MINUTE.text(plain.at("08:10")),),
    )
    assert plain.rows("minute")["ann", "08-10"] == (7, None, 115, 122)


def test_old_minutes_that_stand_are_not_looked_at_again(plain: Pipeline) -> None:
    """Four days later the live rows have begun to expire: what the hour's job finds there is only a part."""
    a_few_readings(plain)
    plain.run("live_to_minute", plain.at("08:10"))
    plain.read("youtube", "ann", plain.at("08:10:05"), 500)
    report = plain.run("minute_to_hour", plain.at("08:00"), now=plain.at("08:00", 4))
    assert (report.filled, report.kept) == (1, 1)
    assert plain.rows("minute")["ann", "08-10"] == (7, None, 115, 122)
    assert plain.rows("minute")["ann", "08-20"] == (7, None, 216, 223)  # nobody had made it yet


def test_nothing_to_read_is_said_and_leaves_nothing(plain: Pipeline) -> None:
    report = plain.run("hour_to_day", plain.start)
    assert (report.rows_read, report.rows_written, report.expected) == (0, 0, 0)
    assert report.streamers_missing == 3
    assert '"completeness": 0.0' in report.line()
    assert plain.ledger(DAY) == {}


def test_sums_larger_than_a_bigint_are_refused(plain: Pipeline) -> None:
    plain.session.execute(
        f"INSERT INTO {plain.keyspace}.game_aggregation (timestamp, game, total_count) VALUES (%s, 'unknown', 5)",
        (DAY.text(plain.start),),
    )
    for streamer in ("ann", "bob"):
        plain.load("day", streamer, plain.start, 2**63 - 1)
    with pytest.raises(JobError, match=r"the sum of \w+ 'unknown' on [-\d]+ is larger than a bigint"):
        plain.run("aggregations", plain.start)
    (row,) = plain.session.execute(
        f"SELECT total_count FROM {plain.keyspace}.game_aggregation WHERE timestamp = %s", (DAY.text(plain.start),)
    )
    assert row.total_count == 5
    plain.load("day", "bob", plain.start, 1)
    plain.load("day", "ann", plain.start, 1)
    assert plain.run("aggregations", plain.start).rows_written == 4


def test_aggregations(plain: Pipeline) -> None:
    run = plain.session.execute
    for streamer, language, game in (("ann", "en", "chess"), ("bob", "de", "chess")):
        run(
            f"INSERT INTO {plain.keyspace}.accounts (streamer, language, game) VALUES (%s, %s, %s)",
            (streamer, language, game),
        )
    run(f"INSERT INTO {plain.keyspace}.games (game, genre, console) VALUES ('chess', 'board', 'table')")
    for streamer, total in (("ann", 10), ("bob", 2**33), ("dan", 5)):
        plain.load("day", streamer, plain.start, total)
    day = DAY.text(plain.start)
    run(f"INSERT INTO {plain.keyspace}.game_aggregation (timestamp, game, total_count) VALUES (%s, 'gone', 5)", (day,))

    def sums(category: str) -> dict[str, int]:
        table = f"{plain.keyspace}.{category}_aggregation"
        return {
            row[0]: row[1] for row in run(f"SELECT {category}, total_count FROM {table} WHERE timestamp = %s", (day,))
        }

    report = plain.run("aggregations", plain.start)
    assert sums("game") == {"chess": 2**33 + 10, "unknown": 5}
    assert sums("genre") == {"board": 2**33 + 10, "unknown": 5}
    assert sums("console") == {"table": 2**33 + 10, "unknown": 5}
    assert sums("language") == {"en": 10, "de": 2**33, "unknown": 5}
    assert report.unknown == {"game": 1, "genre": 1, "console": 1, "language": 1}
    assert (report.rows_read, report.rows_written) == (3, 10)  # one of them a deletion
    assert (report.seen, report.expected, report.streamers_missing) == (3, 4, 1)

    again = plain.run("aggregations", plain.start)
    assert (again.rows_read, again.rows_written) == (3, 0)

    run(f"INSERT INTO {plain.keyspace}.accounts (streamer, language, game) VALUES ('dan', 'en', 'chess')")
    changed = plain.run("aggregations", plain.start)
    assert sums("game") == {"chess": 2**33 + 15}
    assert sums("language") == {"en": 15, "de": 2**33}
    assert changed.unknown == dict.fromkeys(("game", "genre", "console", "language"), 0)
    run(f"DELETE FROM {plain.keyspace}.accounts WHERE streamer = 'dan'")

    for streamer in ("ann", "bob", "dan"):
        run(f"DELETE FROM {plain.keyspace}.unified_day WHERE streamer = %s AND timestamp = %s", (streamer, day))
    gone = plain.run("aggregations", plain.start)
    assert (gone.rows_written, gone.kept) == (0, 1)
    assert sums("game") == {"chess": 2**33 + 15}
