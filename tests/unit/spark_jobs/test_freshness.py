import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.freshness import NOTHING, Digest, Entry, Verdict, can_change, judge

READ = Digest(rows=60, newest=1000)
CLOSED = Entry(is_open=False, read=READ, rows_written=3)
OPEN = Entry(is_open=True, read=READ)


@pytest.mark.parametrize(
    ("below", "own", "entry", "verdict", "named"),
    [
        # Never reckoned.
        (NOTHING, 0, None, Verdict.EMPTY, Verdict.EMPTY),
        (READ, 0, None, Verdict.STALE, Verdict.STALE),
        # Loaded by others.
        (READ, 3, None, Verdict.KEPT, Verdict.STALE),
        (NOTHING, 3, None, Verdict.KEPT, Verdict.KEPT),
        # Reckoned, and nothing has happened since.
        (READ, 3, CLOSED, Verdict.FRESH, Verdict.FRESH),
        (READ, 4, CLOSED, Verdict.FRESH, Verdict.FRESH),
        # A late reading, and one that was written over another.
        (Digest(rows=61, newest=1001), 3, CLOSED, Verdict.STALE, Verdict.STALE),
        (Digest(rows=61, newest=900), 3, CLOSED, Verdict.STALE, Verdict.STALE),
        (Digest(rows=60, newest=1001), 3, CLOSED, Verdict.STALE, Verdict.STALE),
        # Expired in part, and wholly; also where some of what is left is newer.
        (Digest(rows=59, newest=1000), 3, CLOSED, Verdict.KEPT, Verdict.KEPT),
        (Digest(rows=59, newest=2000), 3, CLOSED, Verdict.KEPT, Verdict.KEPT),
        (NOTHING, 3, CLOSED, Verdict.KEPT, Verdict.KEPT),
        # A job died.
        (READ, 0, OPEN, Verdict.STALE, Verdict.STALE),
        (READ, 2, OPEN, Verdict.STALE, Verdict.STALE),
        (Digest(rows=59, newest=1000), 0, OPEN, Verdict.STALE, Verdict.STALE),
        (Digest(rows=59, newest=1000), 2, OPEN, Verdict.KEPT, Verdict.KEPT),
        # Rows were lost.
        (READ, 2, CLOSED, Verdict.STALE, Verdict.STALE),
        (NOTHING, 0, CLOSED, Verdict.EMPTY, Verdict.EMPTY),
    ],
)
def test_what_is_to_be_done(below: Digest, own: int, entry: Entry | None, verdict: Verdict, named: Verdict) -> None:
    assert judge(below, own, entry, is_named=False) is verdict
    assert judge(below, own, entry, is_named=True) is named


digests = st.builds(Digest, rows=st.integers(0, 3), newest=st.integers(0, 3))
entries = st.none() | st.builds(Entry, is_open=st.booleans(), read=digests, rows_written=st.integers(0, 3))


@given(below=digests, own=st.integers(0, 3), entry=entries, expiring=st.booleans(), named=st.booleans())
def test_what_is_not_looked_at_would_not_have_been_better(
    below: Digest, own: int, entry: Entry | None, expiring: bool, named: bool
) -> None:
    """Only where nothing expires yet may a look be left out, and there only of rows of others."""
    if not can_change(own, entry, is_expiring=expiring, is_named=named):
        assert not named
        assert own or entry is not None
        if not expiring:
            assert judge(below, own, entry, is_named=named) is Verdict.KEPT


@given(below=digests, own=st.integers(0, 3), entry=entries, named=st.booleans())
def test_nothing_is_made_of_nothing_and_no_reckoning_repeats(
    below: Digest, own: int, entry: Entry | None, named: bool
) -> None:
    verdict = judge(below, own, entry, is_named=named)
    assert verdict is not Verdict.STALE or below.rows > 0
    if verdict is Verdict.STALE:
        written = max(own, 1)
        after = Entry(is_open=False, read=below, rows_written=written)
        assert judge(below, written, after, is_named=named) is Verdict.FRESH


def test_digests_add_up() -> None:
    assert Digest(rows=1, newest=5) + Digest(rows=2, newest=3) == Digest(rows=3, newest=5)
    assert READ + NOTHING == READ
