import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.freshness import NOTHING, IntervalDigest, IntervalState, LedgerEntry, can_change, judge

READ = IntervalDigest(rows=60, newest=1000)
CLOSED = LedgerEntry(is_open=False, read=READ, rows_written=3)
OPEN = LedgerEntry(is_open=True, read=READ)


@pytest.mark.parametrize(
    ("below", "own", "entry", "verdict", "named"),
    [
        # Never computed.
        (NOTHING, 0, None, IntervalState.EMPTY, IntervalState.EMPTY),
        (READ, 0, None, IntervalState.STALE, IntervalState.STALE),
        # Loaded by others.
        (READ, 3, None, IntervalState.KEPT, IntervalState.STALE),
        (NOTHING, 3, None, IntervalState.KEPT, IntervalState.KEPT),
        # Computed, and nothing has happened since.
        (READ, 3, CLOSED, IntervalState.FRESH, IntervalState.FRESH),
        (READ, 4, CLOSED, IntervalState.FRESH, IntervalState.FRESH),
        # A late reading, and one that was written over another.
        (IntervalDigest(rows=61, newest=1001), 3, CLOSED, IntervalState.STALE, IntervalState.STALE),
        (IntervalDigest(rows=61, newest=900), 3, CLOSED, IntervalState.STALE, IntervalState.STALE),
        (IntervalDigest(rows=60, newest=1001), 3, CLOSED, IntervalState.STALE, IntervalState.STALE),
        # Expired in part, and wholly; also where some of what is left is newer.
        (IntervalDigest(rows=59, newest=1000), 3, CLOSED, IntervalState.KEPT, IntervalState.KEPT),
        (IntervalDigest(rows=59, newest=2000), 3, CLOSED, IntervalState.KEPT, IntervalState.KEPT),
        (NOTHING, 3, CLOSED, IntervalState.KEPT, IntervalState.KEPT),
        # A job died.
        (READ, 0, OPEN, IntervalState.STALE, IntervalState.STALE),
        (READ, 2, OPEN, IntervalState.STALE, IntervalState.STALE),
        (IntervalDigest(rows=59, newest=1000), 0, OPEN, IntervalState.STALE, IntervalState.STALE),
        (IntervalDigest(rows=59, newest=1000), 2, OPEN, IntervalState.KEPT, IntervalState.KEPT),
        # Rows were lost.
        (READ, 2, CLOSED, IntervalState.STALE, IntervalState.STALE),
        (NOTHING, 0, CLOSED, IntervalState.EMPTY, IntervalState.EMPTY),
    ],
)
def test_what_is_to_be_done(
    below: IntervalDigest, own: int, entry: LedgerEntry | None, verdict: IntervalState, named: IntervalState
) -> None:
    assert judge(below, own, entry, is_named=False) is verdict
    assert judge(below, own, entry, is_named=True) is named


digests = st.builds(IntervalDigest, rows=st.integers(0, 3), newest=st.integers(0, 3))
entries = st.none() | st.builds(LedgerEntry, is_open=st.booleans(), read=digests, rows_written=st.integers(0, 3))


@given(below=digests, own=st.integers(0, 3), entry=entries, expiring=st.booleans(), named=st.booleans())
def test_what_is_not_looked_at_would_not_have_been_better(
    below: IntervalDigest, own: int, entry: LedgerEntry | None, expiring: bool, named: bool
) -> None:
    """Only where nothing expires yet may a look be left out, and there only of rows of others."""
    if not can_change(own, entry, is_expiring=expiring, is_named=named):
        assert not named
        assert own or entry is not None
        if not expiring:
            assert judge(below, own, entry, is_named=named) is IntervalState.KEPT


@given(below=digests, own=st.integers(0, 3), entry=entries, named=st.booleans())
def test_nothing_is_made_of_nothing_and_no_reckoning_repeats(
    below: IntervalDigest, own: int, entry: LedgerEntry | None, named: bool
) -> None:
    verdict = judge(below, own, entry, is_named=named)
    assert verdict is not IntervalState.STALE or below.rows > 0
    if verdict is IntervalState.STALE:
        written = max(own, 1)
        after = LedgerEntry(is_open=False, read=below, rows_written=written)
        assert judge(below, written, after, is_named=named) is IntervalState.FRESH


def test_digests_add_up() -> None:
    assert IntervalDigest(rows=1, newest=5) + IntervalDigest(rows=2, newest=3) == IntervalDigest(rows=3, newest=5)
    assert READ + NOTHING == READ
