from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followers.accounts import Account, Platform, choose_accounts, read_accounts, read_games
from followers.readings import LARGEST_INT, LARGEST_SWING, LATEST_SECONDS, Track, make_curve, make_tracks

SECONDS = st.integers(1_500_000_000, 2_200_000_000)
KEYS = st.integers(0, 2**64 - 1)
BEGIN = 1_793_880_000


def test_every_account_and_game_is_read() -> None:
    accounts, games = read_accounts(), read_games()
    assert len({each.streamer for each in accounts}) == 418
    assert len({each.game for each in games}) == 23
    assert {each.game for each in accounts} == {each.game for each in games}
    assert all(0 < count <= LARGEST_INT for each in accounts for count in each.start_counts.values())


@pytest.mark.parametrize("streamers", [0, -1, 419])
def test_no_other_number_of_streamers_can_be_chosen(streamers: int) -> None:
    with pytest.raises(ValueError, match="1 to 418"):
        choose_accounts(streamers)


@given(KEYS, st.integers(0, 10**8), SECONDS)
def test_a_count_stays_around_its_start(key: int, base: int, second: int) -> None:
    assert abs(make_curve(key, float(base)).at(second) - base) <= LARGEST_SWING * base


@given(KEYS, SECONDS)
def test_a_count_moves_smoothly(key: int, second: int) -> None:
    curve = make_curve(key, 1_000_000.0)
    assert abs(curve.at(second + 1) - curve.at(second)) < 500


@given(KEYS, SECONDS)
def test_a_mean_is_the_mean_of_its_parts_and_of_its_seconds(key: int, second: int) -> None:
    curve = make_curve(key, 10_000_000.0)
    minute = range(second, second + 60)
    (mean,) = curve.means([second, second + 60])
    parts = curve.means([*minute, second + 60])
    assert sum(parts) / 60 == pytest.approx(mean, abs=1)
    assert sum(map(curve.at, minute)) / 60 == pytest.approx(mean, rel=1e-4)


def test_a_track_follows_from_seed_and_names_alone() -> None:
    all_tracks = make_tracks(read_accounts(), 7)
    assert make_tracks(read_accounts()[:20], 7) == all_tracks[: len(make_tracks(read_accounts()[:20], 7))]
    assert make_tracks(read_accounts()[5:6], 8) != make_tracks(read_accounts()[5:6], 7)


def test_some_streamers_are_missing_on_a_platform_but_none_on_all() -> None:
    tracks = make_tracks(read_accounts(), 1)
    assert len({each.streamer for each in tracks}) == 418
    for platform in Platform:
        assert 0.88 * 418 < sum(each.platform is platform for each in tracks) < 418


def test_a_platform_without_a_start_count_has_no_track() -> None:
    account = Account(streamer="one", language=None, game=None, start_counts={Platform.TWITTER: 5})
    assert [each.platform for each in make_tracks([account], 1)] == [Platform.TWITTER]


def test_readings_are_lost_and_late_within_bounds() -> None:
    tracks = make_tracks(choose_accounts(20), 3)
    readings = [track.find_reading(BEGIN + second) for track in tracks for second in range(600)]
    found = [each for each in readings if each]
    late = [each for each in found if each.is_late]
    assert 0.005 < 1 - len(found) / len(readings) < 0.04
    assert 0.02 < len(late) / len(found) < 0.04
    assert all(1 <= each.arrives - each.second < LATEST_SECONDS for each in late)
    assert all(0 <= each.arrives - each.second < 1 for each in found if not each.is_late)


def test_nothing_arrives_of_a_silent_minute() -> None:
    track = make_tracks(choose_accounts(1), 1)[0]
    silent = next(minute for minute in range(BEGIN // 60, BEGIN // 60 + 10_000) if track.is_silent(minute))
    assert not any(track.find_reading(silent * 60 + second) for second in range(60))
    assert any(track.find_reading(silent * 60 - 60 + second) for second in range(60))


@given(st.floats(-1e12, 1e12))
def test_a_count_always_fits_an_int(base: float) -> None:
    track = make_tracks(choose_accounts(1), 1)[0]
    extreme: Track = replace(track, curve=make_curve(1, base))
    assert all(0 <= count <= LARGEST_INT for count in extreme.means([0, 60, 120]))
