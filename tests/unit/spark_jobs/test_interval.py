from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.times import floor
from spark_jobs.errors import BadInput, exit_code
from spark_jobs.levels import DAY, HOUR, LIVE, MINUTE, Interval, RollupLevel, moments, parse_interval, parts_of

NOW = datetime(2026, 3, 1, 10, 16, 30, tzinfo=UTC)
LEVELS = [MINUTE, HOUR, DAY]


def parse(start: str, end: str, level: RollupLevel = MINUTE, now: datetime = NOW) -> Interval:
    return parse_interval(start, end, task="a_task", span=level.span, now=now)


@pytest.mark.parametrize(
    "start", ["2026-03-01T10:15:00Z", "2026-03-01T10:15", "2026-03-01T12:15+02:00", "20260301T1015Z"]
)
def test_an_interval_by_iso_texts(start: str) -> None:
    found = parse(start, "2026-03-01T10:16Z")
    assert found == Interval(
        start=datetime(2026, 3, 1, 10, 15, tzinfo=UTC), end=datetime(2026, 3, 1, 10, 16, tzinfo=UTC)
    )
    assert found.starts(MINUTE) == (found.start,)


@pytest.mark.parametrize(
    ("start", "end", "level", "text"),
    [
        ("2026-03-01T10:15:01", "2026-03-01T10:16", MINUTE, "start 2026-03-01T10:15:01Z is not at"),
        ("2026-03-01T10:15", "2026-03-01T10:16:00.5", MINUTE, "is not at the border of a minute"),
        ("2026-03-01T09:30", "2026-03-01T10:00", HOUR, "is not at the border of an hour"),
        ("2026-02-27T01:00", "2026-02-28", DAY, "is not at the border of a day"),
        ("2026-03-01+01:00", "2026-03-01", DAY, "is not at the border of a day"),
        ("2026-03-01T10:15", "2026-03-01T10:15", MINUTE, "the end is not after the start"),
        ("2026-03-01T10:15", "2026-03-01T10:14", MINUTE, "the end is before the start"),
        ("2026-03-01T10:16", "2026-03-01T10:17", MINUTE, "the interval is not over: it is 2026-03-01T10:16:30Z"),
        ("2026-03-01", "2026-03-02", DAY, "the interval is not over"),
        ("yesterday", "2026-03-01", DAY, "'yesterday' is not a time"),
        ("2026-02-30", "2026-03-01", DAY, "'2026-02-30' is not a time"),
        ("1969-12-31", "2026-03-01", DAY, "in the years 1970 to 2999"),
        ("0001-01-01T00:00+05:00", "2026-03-01", DAY, "in the years 1970 to 2999"),
        ("2026-03-01", "", DAY, "'' is not a time"),
    ],
)  # fmt: skip
def test_what_is_no_interval(start: str, end: str, level: RollupLevel, text: str) -> None:
    with pytest.raises(BadInput, match=text) as caught:
        parse(start, end, level)
    assert exit_code(caught.value) == 2
    assert caught.value.remains == "Nothing was changed"
    assert caught.value.next


def test_an_interval_is_over_when_its_end_has_come() -> None:
    assert parse("2026-03-01T10:15", "2026-03-01T10:16", now=datetime(2026, 3, 1, 10, 16, tzinfo=UTC))


times = st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(level=st.sampled_from(LEVELS), moment=times, number=st.integers(1, 50))
def test_the_parts_of_intervals_are_all_of_their_time_once(level: RollupLevel, moment: datetime, number: int) -> None:
    assert level.below is not None
    start = floor(moment, level.span)
    interval = Interval(start=start, end=start + number * level.span)
    starts = interval.starts(level)
    assert len(starts) == number
    parts = parts_of(level, starts[:2])
    assert len(parts) == min(number, 2) * level.parts
    assert parts == moments(start, start + len(starts[:2]) * level.span, level.below.span)
    assert {level.below.text(part)[: level.width] for part in parts} == {level.text(each) for each in starts[:2]}


@given(level=st.sampled_from([LIVE, *LEVELS]), one=times, other=times)
def test_texts_sort_as_times_do(level: RollupLevel, one: datetime, other: datetime) -> None:
    one, other = floor(one, level.span), floor(other, level.span)
    assert (level.text(one) < level.text(other)) == (one < other)
    assert level.steps(level.text(one), level.text(other)) * level.span == other - one


def test_moments_leave_the_end_out() -> None:
    start = datetime(2026, 12, 31, 23, 58, tzinfo=UTC)
    found = moments(start, start + timedelta(minutes=3), timedelta(minutes=1))
    assert [MINUTE.text(each) for each in found] == ["2026-12-31_23-58", "2026-12-31_23-59", "2027-01-01_00-00"]
    assert moments(start, start, timedelta(minutes=1)) == ()
