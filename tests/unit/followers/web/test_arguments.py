from datetime import UTC, datetime

import pytest
from werkzeug.datastructures import MultiDict

from followers.levels import Level
from followers.web.arguments import NoSuchPage, PageArguments
from followers.web.reads import Cache


def test_a_moment_that_is_none_says_how_one_is_written() -> None:
    with pytest.raises(NoSuchPage) as told:
        PageArguments(MultiDict([("at", "yesterday")])).moment("at", Level.HOUR)
    assert told.value.what == "“yesterday” is no hour."
    assert told.value.next == "Write it like 2026-11-23_14."
    assert PageArguments(MultiDict()).moment("at", Level.HOUR) is None
    found = PageArguments(MultiDict([("at", "2026-11-23_14")])).moment("at", Level.HOUR)
    assert found == datetime(2026, 11, 23, 14, tzinfo=UTC)


@pytest.mark.parametrize("value", ["x" * 101, "a\x00b"])
def test_no_value_is_longer_than_a_name(value: str) -> None:
    with pytest.raises(NoSuchPage):
        PageArguments(MultiDict([("language", value)])).text("language")


def test_several_values_come_once_each_and_no_more_than_fit() -> None:
    arguments = MultiDict([("streamer", name) for name in (" ann", "bob", "ann", "", "cid", "dan")])
    assert PageArguments(arguments).several("streamer", 3) == ["ann", "bob", "cid"]


def test_a_forms_empty_fields_are_left_out_of_the_address() -> None:
    assert PageArguments(MultiDict([("game", ""), ("language", "English")])).without_empty() == {
        "language": ["English"]
    }
    assert PageArguments(MultiDict([("language", "English")])).without_empty() is None


def test_what_is_cached_ends_at_its_time_and_the_longest_unused_goes_first() -> None:
    now = [0.0]
    cache: Cache[int] = Cache(2, lambda: now[0])
    cache.put("a", 1, seconds=5)
    cache.put("b", 2, seconds=9)
    assert cache.find("a") == 1
    cache.put("c", 3, seconds=9)
    assert (cache.find("a"), cache.find("b"), cache.find("c")) == (1, None, 3)
    now[0] = 5.0
    assert (cache.find("a"), cache.find("c")) == (None, 3)


@pytest.mark.parametrize(("word", "level"), [("hour", Level.HOUR), ("second", Level.DAY), (None, Level.DAY)])
def test_a_level_that_is_not_offered_is_the_default(word: str | None, level: Level) -> None:
    arguments = PageArguments(MultiDict([("level", word)] if word else []))
    assert arguments.level((Level.DAY, Level.HOUR), Level.DAY) is level
