from datetime import UTC, datetime, timedelta

import pytest

from followers.levels import Freshness, Level, duration_text

NOW = datetime(2026, 11, 5, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("level", "over", "promised"),
    [
        (Level.SECOND, "2026-11-05_12-34-55", "2026-11-05_12-34-35"),
        (Level.MINUTE, "2026-11-05_12-33", "2026-11-05_12-30"),
        (Level.HOUR, "2026-11-05_11", "2026-11-05_11"),
        (Level.DAY, "2026-11-04", "2026-11-04"),
    ],
)
def test_which_interval_is_over_and_which_is_promised(level: Level, over: str, promised: str) -> None:
    assert level.text(level.last_over(NOW)) == over
    assert level.text(level.last_promised(NOW)) == promised


def test_an_interval_is_promised_when_its_allowance_has_passed() -> None:
    midnight = datetime(2026, 11, 5, tzinfo=UTC)
    assert Level.DAY.text(Level.DAY.last_promised(midnight + timedelta(minutes=29))) == "2026-11-03"
    assert Level.DAY.text(Level.DAY.last_promised(midnight + timedelta(minutes=30))) == "2026-11-04"


@pytest.mark.parametrize("level", Level)
def test_an_interval_is_read_as_it_is_written_and_not_otherwise(level: Level) -> None:
    at = level.begin(NOW)
    assert level.find(level.text(at)) == at
    for wrong in ("", "2026", "2026-13-01", level.text(at) + " ", f" {level.text(at)}", "2026-1-5", "' OR 1=1"):
        assert level.find(wrong) is None


def fresh(newest: datetime | None) -> Freshness:
    return Freshness(level=Level.MINUTE, newest=newest, now=NOW, looked_back=timedelta(hours=2))


def test_what_is_promised_is_not_out_of_date() -> None:
    promised = Level.MINUTE.last_promised(NOW)
    assert not fresh(promised).is_stale
    assert fresh(promised).note == ""
    assert not fresh(Level.MINUTE.last_over(NOW)).is_stale


def test_what_is_older_than_promised_says_by_how_much() -> None:
    late = fresh(Level.MINUTE.last_promised(NOW) - timedelta(minutes=65))
    assert late.is_stale
    assert late.note == "The newest minute is 5 Nov 2026, 11:25 UTC, 1 hour 5 minutes older than promised."


def test_nothing_at_all_is_out_of_date() -> None:
    assert fresh(None).is_stale
    assert fresh(None).note == "There is no minute in the last 2 hours."


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=61), "1 hour 1 minute"),
        (timedelta(days=2, hours=3, minutes=4), "2 days 3 hours"),
    ],
)
def test_a_length_of_time_in_its_two_largest_units(length: timedelta, text: str) -> None:
    assert duration_text(length) == text
