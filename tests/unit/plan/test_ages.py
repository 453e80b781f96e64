"""Times in words: never a negative span, also where what has happened is ahead of the clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cassandra_views
from cassandra_views.plan.status import age_text, ago_text, clock_note, due_text, left_text, next_slide_text, stands_for

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPANS = st.timedeltas(min_value=timedelta(days=-40_000), max_value=timedelta(days=40_000))


@given(span=SPANS)
def test_no_time_is_told_as_a_negative_span(span: timedelta) -> None:
    moment = NOW + span
    told = [age_text(moment, NOW), ago_text(moment, NOW), due_text(moment, NOW), left_text(moment, NOW)]
    told += [clock_note([moment, None], NOW), next_slide_text("serving", moment, NOW), stands_for(span)]
    assert [text for text in told if re.search(r"-\d", text)] == []


@pytest.mark.parametrize(
    ("hours", "age", "ago"),
    [(-23, "23 h", "23 h ago"), (23, "in 23 h", "in 23 h, by a clock that is ahead"), (0, "0 s", "0 s ago")],
)
def test_what_happened_ahead_of_the_clock_is_told_in_words(hours: int, age: str, ago: str) -> None:
    moment = NOW + timedelta(hours=hours)
    assert (age_text(moment, NOW), ago_text(moment, NOW)) == (age, ago)
    assert ("up to 23 h ahead" in clock_note([moment], NOW)) is (hours == 23)


def test_a_second_between_two_machines_is_no_news() -> None:
    assert age_text(NOW + timedelta(seconds=1), NOW) == "1 s"
    assert clock_note([NOW + timedelta(seconds=1)], NOW) == ""


@pytest.mark.parametrize("condition", ["frozen", "off"])
def test_a_view_that_does_not_move_has_no_next_slide(condition: str) -> None:
    assert next_slide_text(condition, NOW + timedelta(hours=1), NOW) == "-"
    assert next_slide_text("serving", NOW + timedelta(hours=1), NOW) == "in 60 min"


def test_ages_are_told_by_one_module_alone() -> None:
    root = Path(cassandra_views.__file__).parent
    found = [
        path.name
        for path in root.rglob("*.py")
        if path.name != "status.py" and re.search(r"stands_for\([^()]* - ", path.read_text(encoding="utf-8"))
    ]
    assert found == []
