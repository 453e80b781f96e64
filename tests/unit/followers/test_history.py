import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from followers import history
from followers.accounts import Account, Platform
from followers.history import HistorySpan, Row, SampleHistory
from followers.levels import ROLLED_UP, Level

NOW = datetime(2019, 1, 1, 12, 34, 56, tzinfo=UTC)
SMALL = HistorySpan(days=3, hours=5, minutes=90, seconds=30)
TEMPLATES = Path(__file__).parents[3] / "cql_templates" / "tables"


def rows_of(made: SampleHistory) -> dict[str, list[Row]]:
    return {each.table: [row for rows in each.partitions() for row in rows] for each in made.tables()}


def test_the_same_seed_and_moment_give_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (rows_of(SampleHistory(now=NOW, seed=seed, streamers=12, span=SMALL)) for seed in (1, 1, 2))
    assert first == again
    assert all(first[table] != other[table] for table in first if table not in ("accounts", "games"))


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 2**32),
)
def test_rows_of_a_level_are_sums_of_what_is_there_within_their_span(now: datetime, seed: int) -> None:
    made = SampleHistory(now=now, seed=seed, streamers=3, span=SMALL)
    rows = rows_of(made)
    for level in ROLLED_UP:
        newest = now - level.step
        oldest = now - level.step * (SMALL.intervals(level) + 1)
        for _, text, *counts, total in rows[level.table]:
            known = [each for each in counts if each is not None]
            assert known
            assert sum(known) == total
            assert all(0 <= each < 2**31 for each in known)
            assert level.text(oldest) <= text <= level.text(newest)
    for each in made.tables():
        assert len(rows[each.table]) <= each.at_most
        assert len({row[:2] for row in rows[each.table]}) == len(rows[each.table])


def test_times_are_written_as_the_seed_does_and_end_before_now() -> None:
    rows = rows_of(SampleHistory(now=NOW, streamers=12))
    newest = {table: max(row[1] for row in rows[table]) for table in rows if "unified" in table or "live" in table}
    assert newest == {
        "unified_minute": "2019-01-01_12-33",
        "unified_hour": "2019-01-01_11",
        "unified_day": "2018-12-31",
        "twitch_live": "2019-01-01_12-34-55",
        "twitter_live": "2019-01-01_12-34-55",
        "youtube_live": "2019-01-01_12-34-55",
    }
    assert min(row[1] for row in rows["unified_day"]) == "2018-11-27"
    assert min(row[1] for row in rows["unified_minute"]) == "2019-01-01_06-34"


def test_each_table_has_the_columns_time_format_and_partitions_of_its_file() -> None:
    formats = {each.table: each.format for each in ROLLED_UP} | {
        each.live_table: Level.SECOND.format for each in Platform
    }
    tables = list(SampleHistory(now=NOW, streamers=2, span=SMALL).tables())
    files = {path.name.split(".")[0] for path in TEMPLATES.iterdir()}
    assert {each.table for each in tables} == files - {"rollups"}, "the jobs' own ledger has no history"
    for each in tables:
        _, front, body = (TEMPLATES / f"{each.table}.cql.j2").read_text().split("---\n")
        columns = re.findall(r"^    (\w+) (?:text|int|bigint),$", body, flags=re.MULTILINE)
        assert sorted(columns) == sorted(each.columns)
        key = body.split("PRIMARY KEY (")[1].split(")")[0].split(", ")
        partition = each.columns.index(key[0])
        for rows in each.partitions():
            assert len({row[partition] for row in rows}) <= 1
        if "timestamp" in each.columns:
            expected = formats.get(each.table, Level.DAY.format)
            assert yaml.safe_load(front)["time"]["format"] == expected


def test_a_minute_is_close_to_the_mean_of_its_seconds() -> None:
    now = NOW.replace(second=0)
    rows = rows_of(SampleHistory(now=now, streamers=5, span=HistorySpan(days=0, hours=0, minutes=1, seconds=60)))
    for streamer, _, *counts, _total in rows["unified_minute"]:
        for table, mean in zip(("youtube_live", "twitter_live", "twitch_live"), counts, strict=True):
            seconds = [count for name, _, count in rows[table] if name == streamer]
            assert bool(seconds) == (mean is not None)
            if mean is not None:
                assert sum(seconds) / len(seconds) == pytest.approx(mean, rel=1e-3)


def test_a_streamer_missing_on_a_platform_keeps_the_others() -> None:
    rows = rows_of(SampleHistory(now=NOW, streamers=100, span=HistorySpan(days=1, hours=1, minutes=60, seconds=1)))
    partial = [row for row in rows["unified_day"] if None in row]
    assert len(rows["unified_day"]) == 100
    assert 0 < len(partial) < 40
    assert sum(None in row for row in rows["unified_minute"]) > 60 * len(partial)


def test_aggregations_hold_every_day_in_full() -> None:
    rows = rows_of(SampleHistory(now=NOW, streamers=60, span=SMALL))
    total = sum(row[-1] for row in rows["unified_day"])
    for category in ("game", "genre", "console", "language"):
        assert sum(row[-1] for row in rows[f"{category}_aggregation"]) == total


def test_streamers_without_metadata_count_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = tuple(
        Account(streamer=name, language=None, game=game, start_counts={Platform.TWITCH: 1000})
        for name, game in (("one", None), ("two", "A game nobody knows"))
    )
    monkeypatch.setattr(history, "choose_accounts", lambda _: accounts)
    rows = rows_of(SampleHistory(now=NOW, streamers=2, span=SMALL))
    assert {row[1] for row in rows["language_aggregation"]} == {"unknown"}
    assert {row[1] for row in rows["game_aggregation"]} == {"unknown", "A game nobody knows"}
    assert {row[1] for row in rows["genre_aggregation"]} == {"unknown"}


def test_a_naive_moment_and_a_negative_span_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        SampleHistory(now=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="minutes must not be negative"):
        HistorySpan(minutes=-1)
