"""Which audit is asked for, and what holds for all audits of a project."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class AuditKind(StrEnum):
    """How much an audit compares."""

    FULL = "full"
    """Every row: key, values, write times, TTLs."""
    PULSE = "pulse"
    """Totals that the server makes: that they differ, not which rows."""
    SAMPLE = "sample"
    """Rows drawn at random."""
    BY_SIZE = "by_size"
    """Full up to ``AuditSettings.full_rows`` rows; of more, pulse and sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """Which audit is asked for.

    Args:
        sample_rows, rows_per_second: 0 is what the settings say.
        is_restart: what an audit that was stopped has read is not used.
    """

    kind: AuditKind = AuditKind.BY_SIZE
    sample_rows: int = 0
    rows_per_second: float = 0.0
    is_restart: bool = False


FULL_AUDIT = AuditRequest(kind=AuditKind.FULL)
AUDIT_BY_SIZE = AuditRequest(kind=AuditKind.BY_SIZE)


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """What holds for all audits of a project.

    Args:
        full_rows: up to so many rows a generation is audited in full before it serves.
        sample_rows: how many rows a sample draws from each side.
        rows_per_second: how many rows an audit reads in a second, of both sides together; 0 is no limit.
        recheck_seconds: the shortest pause before a difference is looked at a second time (``recheck_pauses``).
        journal_folder: where full audits keep what they have read, to go on where they are stopped; None keeps nothing.
        journal_seconds: they do so no more often; 0 is after each token range.
    """

    full_rows: int = 10_000_000
    sample_rows: int = 3_000
    rows_per_second: float = 0.0
    recheck_seconds: float = 0.5
    journal_folder: Path | None = None
    journal_seconds: float = 1.0


_LOOKS_AGAIN = 6
_LAST_LOOK = 63
"""With pauses from half a second the last look is half a minute after the first: a view write that
was not delivered from a batch waits as a hint, which no table shows until it is flushed, every ten seconds."""
_LONGEST_FIRST = 60
"""So many times the shortest pause is the longest first one: half a minute beside half a second."""


def recheck_pauses(recheck_seconds: float, lag_seconds: float) -> tuple[float, ...]:
    """Return the pauses before each further look at a difference, in seconds. Pure.

    The first is as long as the view was measured to be late, within bounds; each further one is twice as long. The
    last look is at least 63 times the shortest pause after the first one, and three times the first pause.

    Args:
        recheck_seconds: the shortest pause.
        lag_seconds: how late the view was last seen to show a write; 0 where that is not known.
    """
    first = min(max(lag_seconds, recheck_seconds), _LONGEST_FIRST * recheck_seconds)
    pauses = [first, 2 * first]
    while len(pauses) < _LOOKS_AGAIN and sum(pauses) < _LAST_LOOK * recheck_seconds:
        pauses.append(2 * pauses[-1])
    return tuple(pauses)
