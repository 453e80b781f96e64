from datetime import UTC, datetime

import pytest
from werkzeug.datastructures import MultiDict

from followers.web import wanted
from followers.web.kept import Kept
from followers.web.levels import Level
from followers.web.wanted import NoSuchPage


def test_a_moment_that_is_none_says_how_one_is_written() -> None:
    arguments = MultiDict([("at", "yesterday")])
    with pytest.raises(NoSuchPage) as told:
        wanted.moment(arguments, "at", Level.HOUR)
    assert told.value.what == "“yesterday” is no hour."
    assert told.value.next == "Write it like 2026-11-23_14."
    assert wanted.moment(MultiDict(), "at", Level.HOUR) is None
    found = wanted.moment(MultiDict([("at", "2026-11-23_14")]), "at", Level.HOUR)
    assert found == datetime(2026, 11, 23, 14, tzinfo=UTC)


@pytest.mark.parametrize("value", ["x" * 101, "a\x00b"])
def test_no_value_is_longer_than_a_name(value: str) -> None:
    with pytest.raises(NoSuchPage):
        wanted.text(MultiDict([("language", value)]), "language")


def test_several_values_come_once_each_and_no_more_than_fit() -> None:
    arguments = MultiDict([("streamer", name) for name in (" ann", "bob", "ann", "", "cid", "dan")])
    assert wanted.several(arguments, "streamer", 3) == ["ann", "bob", "cid"]


def test_a_forms_empty_fields_are_left_out_of_the_address() -> None:
    assert wanted.without_empty(MultiDict([("game", ""), ("language", "English")])) == {"language": ["English"]}
    assert wanted.without_empty(MultiDict([("language", "English")])) is None


def test_what_is_kept_ends_at_its_time_and_the_longest_unused_goes_first() -> None:
    now = [0.0]
    kept: Kept[int] = Kept(2, lambda: now[0])
    kept.put("a", 1, seconds=5)
    kept.put("b", 2, seconds=9)
    assert kept.find("a") == 1
    kept.put("c", 3, seconds=9)
    assert (kept.find("a"), kept.find("b"), kept.find("c")) == (1, None, 3)
    now[0] = 5.0
    assert (kept.find("a"), kept.find("c")) == (None, 3)
