from datetime import UTC, datetime, timedelta

from benchmarks.data import minute_text, row_values, served_minutes

NOW = datetime(2026, 11, 23, 0, 2, 30, tzinfo=UTC)


def test_what_is_read_was_written_and_stays_in_the_window_when_a_day_passes_under_the_run() -> None:
    for minutes in (1500, 6000):
        times = served_minutes(NOW, minutes=minutes)
        written = {minute_text(NOW - timedelta(minutes=back)) for back in range(minutes)}
        assert set(times) <= written
        assert len(times) == len(set(times)) > 1000
        tomorrow = (NOW + timedelta(days=1)).replace(hour=0, minute=0)
        assert min(times) >= minute_text(tomorrow - timedelta(days=3))


def test_a_row_adds_up() -> None:
    moment, streamer, total, *counts = row_values("ann", minute_text(NOW), 7)
    assert (moment, streamer, total) == ("2026-11-23_00-02", "ann", sum(counts))
