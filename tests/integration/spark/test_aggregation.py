"""``aggregation`` against cases computed by hand and against plain Python."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_jobs.frames import CATEGORIES, UNKNOWN, aggregation

DAYS = "streamer string, timestamp string, total_count bigint"
ACCOUNTS = "streamer string, language string, game string"
GAMES = "game string, genre string, console string"

Table = list[tuple[Any, ...]]


def summed(spark: Any, days: Table, accounts: Table, games: Table) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    frames = (
        spark.createDataFrame(rows, schema) for rows, schema in ((days, DAYS), (accounts, ACCOUNTS), (games, GAMES))
    )
    lines = aggregation(*frames).collect()
    found = {(each.category, each.value, each.timestamp): tuple(each)[3:] for each in lines}
    assert len(found) == len(lines)
    return found


def test_a_day_by_hand(spark: Any) -> None:
    day = "2026-03-01"
    days = [
        ("ann", day, 10),
        ("bob", day, 2**40),
        ("cyd", day, 5),
        ("dan", day, 7),  # no account
        ("eve", day, None),  # no count
        ("ann", "2026-03-02", 11),
    ]
    accounts = [("ann", "en", "chess"), ("bob", "de", "chess"), ("cyd", "", "go"), ("eve", "en", "chess")]
    games = [("chess", "board", None)]
    found = summed(spark, days, accounts, games)
    assert {key: value for key, value in found.items() if key[2] == day} == {
        ("game", "chess", day): (2**40 + 10, 2, 2),
        ("game", "go", day): (5, 1, 1),
        ("game", UNKNOWN, day): (7, 1, 0),
        ("genre", "board", day): (2**40 + 10, 2, 2),
        ("genre", UNKNOWN, day): (12, 2, 1),
        ("console", UNKNOWN, day): (2**40 + 22, 4, 3),
        ("language", "en", day): (10, 1, 1),
        ("language", "de", day): (2**40, 1, 1),
        ("language", UNKNOWN, day): (12, 2, 1),
    }
    assert found["game", "chess", "2026-03-02"] == (11, 1, 1)


def test_a_sum_that_no_bigint_holds_is_a_null_and_not_another_number(spark: Any) -> None:
    largest, day = 2**63 - 1, "2026-03-01"
    found = summed(
        spark,
        [("ann", day, largest), ("bob", day, 1), ("cyd", day, largest)],
        [("ann", "en", 'it\'s a "game"'), ("bob", "en", 'it\'s a "game"'), ("cyd", "日本語", "\n")],
        [],
    )
    assert found["game", 'it\'s a "game"', day][0] is None
    assert found["language", "en", day][0] is None
    assert found["game", "\n", day][0] == found["language", "日本語", day][0] == largest


values = st.sampled_from(["a", "b", "c", "", None, UNKNOWN])
names = st.sampled_from([f"s{number}" for number in range(12)])


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    days=st.dictionaries(st.tuples(names, st.sampled_from(["2026-03-01", "2026-03-02"])), st.integers(0, 2**45)),
    accounts=st.dictionaries(names, st.tuples(values, values)),
    games=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.tuples(values, values)),
)
def test_each_streamer_counts_once_in_each_category(spark: Any, days: Any, accounts: Any, games: Any) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for (streamer, day), total in days.items():
        language, game = accounts.get(streamer, (None, None))
        genre, console = games.get(game, (None, None))
        for category, value in zip(CATEGORIES, (game, genre, console, language), strict=True):
            expected[category, value or UNKNOWN, day] += total
    found = summed(
        spark,
        [(streamer, day, total) for (streamer, day), total in days.items()],
        [(streamer, *each) for streamer, each in accounts.items()],
        [(game, *each) for game, each in games.items()],
    )
    assert {key: value[0] for key, value in found.items()} == dict(expected)
    for category in CATEGORIES:
        assert sum(value[1] for key, value in found.items() if key[0] == category) == len(days)
