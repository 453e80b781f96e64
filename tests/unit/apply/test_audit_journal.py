"""What an audit has read is kept and used again, and nothing is that belongs to something else."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.apply.audit_journal import AuditJournal
from cassandra_views.apply.range_rows import SideDigest
from cassandra_views.apply.token_ranges import FIRST_TOKEN, LAST_TOKEN, WHOLE_RING, TokenRange, missing_ranges

NOW = 1_795_737_600_000_000
HOUR = 3_600_000_000
IDENTITY = ("shop.by_day", 3, "a table id", "CREATE ...")
PARTS = WHOLE_RING.split(64)


def journal(path: Path, *, identity: tuple[object, ...] = IDENTITY, is_restart: bool = False) -> AuditJournal:
    return AuditJournal(path, identity, is_restart=is_restart, saved_seconds=0)


def digest(*rows: tuple[bytes | None, ...]) -> SideDigest:
    found = SideDigest(newer_rows=2, ahead_rows=1, has_bare=True, samples=[row[:1] for row in rows])
    found.digest.add_rows(rows, 1)
    return found


ROWS = [(b"a", b"1"), (b"", None), (b"b", b"\xff" * 100)]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The file of an audit that was stopped after two ranges of the base."""
    path = tmp_path / "new" / "audit.json"
    kept = journal(path)
    kept.open(NOW)
    for part in PARTS[3:5]:
        kept.note("base", part, digest(*ROWS))
    return path


def test_an_audit_that_was_stopped_goes_on_with_what_is_left(stopped: Path) -> None:
    told: list[str] = []
    kept = AuditJournal(stopped, IDENTITY, on_resumed=told.append)
    assert kept.open(NOW + HOUR) == NOW
    found = kept.kept("base")
    assert not found.digest.differing(digest(*ROWS).digest)
    assert (found.rows, found.newer_rows, found.ahead_rows, found.has_bare) == (3, 2, 1, True)
    assert found.samples == [(b"a",), (b"",), (b"b",)]
    left = kept.missing("base")
    assert left is not None
    assert sum(each.share for each in left) == pytest.approx(62 / 64)
    assert kept.missing("view") is None
    (text,) = told
    assert "3% of the base (3 rows)" in text
    assert "0% of the view (0 rows)" in text
    kept.close()
    assert not stopped.exists()


@pytest.mark.parametrize(
    ("identity", "now"),
    [
        ((*IDENTITY[:2], "another table id", IDENTITY[3]), NOW + HOUR),
        ((*IDENTITY[:3], "CREATE of something else"), NOW + HOUR),
        (IDENTITY, NOW + 13 * HOUR),
        (IDENTITY, NOW - HOUR),
    ],
    ids=["another generation", "another schema", "too old", "of a time to come"],
)
def test_what_belongs_to_something_else_is_not_used(stopped: Path, identity: tuple[object, ...], now: int) -> None:
    kept = journal(stopped, identity=identity)
    assert kept.open(now) == now
    assert (kept.kept("base").rows, kept.missing("base")) == (0, None)


def test_a_restart_begins_again(stopped: Path) -> None:
    kept = journal(stopped, is_restart=True)
    assert (kept.open(NOW + HOUR), kept.missing("base")) == (NOW + HOUR, None)


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), is_cut=st.booleans())
def test_a_damaged_file_is_done_without(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, is_cut: bool
) -> None:
    path = tmp_path_factory.mktemp("journal") / "audit.json"
    kept = journal(path)
    kept.open(NOW)
    kept.note("view", PARTS[0], digest(*ROWS))
    content = bytearray(path.read_bytes())
    place %= len(content)
    damaged = bytes(content[:place] if is_cut else (*content[:place], byte, *content[place + 1 :]))
    path.write_bytes(damaged)
    again = journal(path)
    is_whole = damaged == bytes(content)
    assert (again.open(NOW + HOUR) == NOW) is is_whole
    assert (again.missing("view") is not None) is is_whole


def test_an_audit_whose_file_cannot_be_written_is_an_audit_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = journal(tmp_path / "file" / "audit.json")
    assert kept.open(NOW) == NOW
    kept.note("base", PARTS[0], digest(*ROWS))
    kept.close()


@given(st.lists(st.integers(FIRST_TOKEN, LAST_TOKEN), unique=True, max_size=8), st.sets(st.integers(0, 8)))
def test_done_and_missing_ranges_cover_the_ring_once(cuts: list[int], chosen: set[int]) -> None:
    bounds = [FIRST_TOKEN, *sorted(cut for cut in cuts if cut > FIRST_TOKEN), LAST_TOKEN + 1]
    parts = [TokenRange(first=first, last=after - 1) for first, after in pairwise(bounds)]
    done = [part for index, part in enumerate(parts) if index in chosen]
    covered = sorted([*done, *missing_ranges(done)], key=lambda each: each.first)
    assert (covered[0].first, covered[-1].last) == (FIRST_TOKEN, LAST_TOKEN)
    assert all(after.first == before.last + 1 for before, after in pairwise(covered))


def test_a_restart_forgets_what_was_kept(stopped: Path) -> None:
    journal(stopped, is_restart=True).open(NOW + HOUR)
    assert not stopped.exists()


def test_what_nobody_resumed_is_removed(stopped: Path) -> None:
    long_ago = time.time() - 13 * 3600
    os.utime(stopped, (long_ago, long_ago))
    journal(stopped.with_name("another.json")).open(NOW + HOUR)
    assert not stopped.exists()
