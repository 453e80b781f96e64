import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stats import Outcome, Ratios, Records, Stretch, against_itself, outcome_of, percentile

VALUES = st.lists(st.floats(0, 100), min_size=1)


@given(VALUES, st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) * (1 - 1e-9)
    smaller = [value for value in values if value < found]
    assert len(smaller) < share * len(values) * (1 + 1e-9)


def test_percentiles_of_few_and_of_none() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.0
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([7.0], 0.99) == 7.0
    assert math.isnan(percentile([], 0.5))


def test_an_answer_with_fewer_rows_than_exist_is_no_good_answer() -> None:
    assert [outcome_of(rows, 60) for rows in (60, 61, 59, 0)] == [
        Outcome.OK,
        Outcome.OK,
        Outcome.SHORT,
        Outcome.EMPTY,
    ]


def test_a_request_that_waited_counts_from_when_it_was_due_and_where_it_was_due() -> None:
    records = Records()
    # The server stands still from 10 to 12: what was due at 10.5 is sent and answered at 12.
    records.add(9.9, 9.901, Outcome.OK)
    records.add(10.5, 12.0, Outcome.OK)
    records.add(11.9, 12.1, Outcome.FAILED)
    records.add(12.0, 12.002, Outcome.EMPTY)
    standstill = records.within(Stretch(begin=10.0, end=12.0))
    assert (standstill.requests, standstill.failed, standstill.empty) == (2, 1, 0)
    assert standstill.longest == pytest.approx(1.5)
    assert records.within(Stretch(begin=12.0, end=13.0)).empty == 1
    assert records.all().requests == 4


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5), st.sampled_from(Outcome))), st.floats(0, 100))
def test_stretches_that_meet_share_no_request_and_lose_none(
    requests: list[tuple[float, float, Outcome]], middle: float
) -> None:
    one, other = Records(), Records()
    for place, (due, latency, outcome) in enumerate(requests):
        (one if place % 2 else other).add(due, due + latency, outcome)
    one.extend(other)
    before, after = Stretch(begin=0, end=middle), Stretch(begin=middle, end=101)
    assert one.within(before).requests + one.within(after).requests == len(requests)
    both = one.within(before, after)
    failed = sum(outcome is Outcome.FAILED for _, _, outcome in requests)
    assert (both.requests, both.failed) == (len(requests), failed)


def test_problems_are_counted_by_their_text() -> None:
    one, other = Records(), Records()
    one.note("gone")
    other.note("gone")
    other.note("late")
    one.extend(other)
    assert one.problems == {"gone": 2, "late": 1}


def test_the_ratio_is_the_middle_one_of_the_rounds_and_says_how_far_they_differ() -> None:
    found = Ratios.of([2.0, 3.0, 10.0], [2.0, 2.0, 5.0])
    assert found.each == (1.0, 1.5, 2.0)
    assert str(found) == "1.50x (1.00 to 2.00)"
    assert against_itself([2.0, 4.0, 3.0]) == 2.0
    with pytest.raises(ValueError, match="shorter"):
        Ratios.of([1.0], [])
