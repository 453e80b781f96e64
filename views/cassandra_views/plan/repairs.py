"""How much of a base table was repaired in time, by the cluster's own history of repairs. Pure.

A build copies what each replica has, and a deletion that a replica missed comes back once its tombstones are purged.
So every token range must be repaired among all replicas within ``gc_grace_seconds``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cassandra_views.model.names import counted
from cassandra_views.model.schema import TableShape
from cassandra_views.model.times import duration_text

REMEMBERED = timedelta(days=30)
"""The servers' own time to live for the history of repairs (``SystemDistributedKeyspace``, 4.1 to 6.0)."""
_RING = 2**64
_LEAST = -(2**63)
_RANGE = re.compile(r"\((-?\d+),\s*(-?\d+)\]")

TokenRange = tuple[int, int]
"""First token, which is left out, and last token, which is in it; a last one that is not larger wraps around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairSession:
    """One row of ``system_distributed.repair_history``.

    Args:
        parent: the id of the repair that it belongs to.
        range: of several ranges that a session repairs together the server keeps the last one alone.
        nodes: how many nodes were compared.
    """

    parent: UUID
    range: TokenRange | None
    nodes: int
    is_success: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairHistory:
    """What is known of a table's repairs since a moment.

    Args:
        parents: of repairs that ended, the ranges that they repaired (``parent_repair_history``).
    """

    sessions: tuple[RepairSession, ...] = ()
    parents: Mapping[UUID, tuple[TokenRange, ...]]


def read_range(text: str) -> TokenRange | None:
    """Return a range as the server writes it, ``(begin,end]``; None where its tokens are no whole numbers."""
    found = _RANGE.fullmatch(text.strip())
    return (int(found[1]), int(found[2])) if found else None


def repaired_ranges(history: RepairHistory, replicas: int) -> tuple[TokenRange, ...]:
    """Return what was repaired among all replicas.

    Args:
        replicas: how many each row has; a session of fewer nodes left some out (``-local``, ``-hosts``, ``--force``).
    """
    partial = {each.parent for each in history.sessions if not each.is_success or each.nodes < replicas}
    whole = [each for each in history.sessions if each.is_success and each.nodes >= replicas]
    parents = {each.parent for each in whole} - partial
    ranges = [each.range for each in whole if each.range is not None]
    return (*ranges, *(each for parent in parents for each in history.parents.get(parent, ())))


def find_gaps(ranges: Iterable[TokenRange]) -> tuple[TokenRange, ...]:
    """Return the parts of the ring that no range covers, in the order of their tokens."""
    spans = []
    for begin, end in ranges:
        first, last = begin - _LEAST + 1, end - _LEAST + 1
        spans += [(first, last)] if first < last else [(first, _RING), (0, last)]
    gaps, covered = [], 1  # no key has the least token
    for first, last in sorted(spans):
        if first > covered:
            gaps.append((covered, first))
        covered = max(covered, last)
    if covered < _RING:
        gaps.append((covered, _RING))
    return tuple((first - 1 + _LEAST, last - 1 + _LEAST) for first, last in gaps)


def gc_grace_of(base: TableShape) -> timedelta:
    """Return how long a table keeps its tombstones."""
    option = base.find_option("gc_grace_seconds")
    return timedelta(seconds=int(option) if isinstance(option, str) and option.isdigit() else 864_000)


_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)


def made_at(table_id: UUID | None) -> datetime | None:
    """Return when a table was made, by its id; None where that holds no time, as one that the CREATE named."""
    if table_id is None or table_id.version != 1:
        return None
    return _UUID_EPOCH + timedelta(microseconds=table_id.time // 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairDoubt:
    """Why the replicas of a base table may differ.

    Args:
        is_known: the history of repairs could be read, and has gaps.
        next: what to do; empty where it is not known.
    """

    what: str
    is_known: bool
    next: str = ""


def find_repair_doubt(base: TableShape, history: RepairHistory | str, replicas: int) -> RepairDoubt | None:
    """Return why the replicas of a base may differ; None where all of it was repaired in time.

    Args:
        history: since ``gc_grace_seconds`` ago; or why it could not be read.
    """
    why = "a build copies what each replica has"
    within = f"within gc_grace_seconds ({duration_text(gc_grace_of(base))})"
    if isinstance(history, str):
        what = (
            f"whether it was repaired {within} is unknown, since the cluster's history of repairs could "
            f"not be read ({history}), and {why}"
        )
        return RepairDoubt(what=what, is_known=False)
    gaps = find_gaps(repaired_ranges(history, replicas))
    if not gaps:
        return None
    if gc_grace_of(base) > REMEMBERED:
        what = (
            f"whether it was repaired {within} is unknown, since the cluster remembers repairs for "
            f"{duration_text(REMEMBERED)} alone, and {why}"
        )
        return RepairDoubt(what=what, is_known=False)
    part = _part_text(gaps)
    partial = sum(each.is_success and each.nodes < replicas for each in history.sessions)
    left_out = f"; {counted(partial, 'repair')} of some of its replicas alone did not count" if partial else ""
    return RepairDoubt(
        what=f"the cluster's history holds no repair {within} of {part}{left_out}, and {why}",
        is_known=True,
        next=f"run 'nodetool repair -full -pr {base.keyspace} {base.name}' on each node",
    )


def repair_warning(base: TableShape, history: RepairHistory | str, replicas: int) -> str:
    """Return what ``find_repair_doubt`` finds, as a sentence; empty where it finds nothing."""
    doubt = find_repair_doubt(base, history, replicas)
    if doubt is None:
        return ""
    return f"table {base}: {doubt.what}" + (f": {doubt.next} first" if doubt.next else "")


def _part_text(gaps: Collection[TokenRange]) -> str:
    """Return how much of the ring some gaps are, with the largest one."""
    share = sum(last - first for first, last in gaps) / _RING
    if share > 0.999_999:
        return "it"
    first, last = max(gaps, key=lambda gap: gap[1] - gap[0])
    size = f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"
    return f"{size} of its token ring, such as ({first}, {last}]"
