from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from followers.accounts import choose_accounts
from followers.feed import CATCH_UP_SECONDS, Schedule
from followers.history import HistorySpan, SampleHistory
from followers.levels import Level
from followers.readings import Reading, make_tracks

NOW = datetime(2026, 11, 5, 12, 34, 56, tzinfo=UTC)
TRACKS = make_tracks(choose_accounts(4), 1)


def keys(readings: list[Reading]) -> list[tuple[str, str, int]]:
    return [(each.platform.value, each.streamer, each.second) for each in readings]


@given(st.lists(st.floats(0.01, 30), max_size=8))
def test_however_often_it_is_asked_each_reading_comes_once_and_on_time(pauses: list[float]) -> None:
    schedule, asked, moment = Schedule(TRACKS, NOW), [], NOW
    for pause in pauses:
        before, moment = moment, moment + timedelta(seconds=pause)
        found = schedule.due(moment)
        assert all(before.timestamp() - 1 <= each.arrives <= moment.timestamp() for each in found)
        asked += found
    at_once = Schedule(TRACKS, NOW).due(moment) if pauses else []
    assert keys(asked) == keys(at_once)
    assert len(set(keys(asked))) == len(asked)


def test_it_gives_one_reading_a_second_for_each_track_less_the_gaps() -> None:
    readings = Schedule(TRACKS, NOW).due(NOW + timedelta(seconds=200))
    assert 0.94 * 200 * len(TRACKS) < len(readings) <= 201 * len(TRACKS)
    assert any(each.is_late for each in readings)


def test_a_history_and_the_feed_after_it_leave_out_and_double_nothing() -> None:
    span = HistorySpan(days=0, hours=0, minutes=0, seconds=60)
    made = SampleHistory(now=NOW, streamers=4, span=span).tables()
    history = [
        (each.table.removesuffix("_live"), row[0], row[1])
        for each in made
        if each.table.endswith("_live")
        for rows in each.partitions()
        for row in rows
    ]
    fed = [
        (each.platform.value, each.streamer, Level.SECOND.text(each.time))
        for each in Schedule(TRACKS, NOW).due(NOW + timedelta(seconds=100))
    ]
    begin = int(NOW.timestamp()) - 60
    arrived = [track.find_reading(second) for track in TRACKS for second in range(begin, begin + 161)]
    expected = [each for each in arrived if each and each.arrives <= NOW.timestamp() + 100]
    assert len(set(history + fed)) == len(history) + len(fed) == len(expected)


def test_after_a_long_pause_it_goes_on_near_the_present() -> None:
    schedule = Schedule(TRACKS, NOW)
    later = NOW + timedelta(hours=8)  # a reading takes part of a second to arrive
    readings = schedule.due(later)
    assert schedule.skipped == (8 * 3600 - CATCH_UP_SECONDS) * len(TRACKS)
    assert len(readings) <= (CATCH_UP_SECONDS + 21) * len(TRACKS)
    assert max(each.second for each in readings) == int(later.timestamp()) - 1
