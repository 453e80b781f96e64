"""What a generation's rows depend on beside writes, as it was last seen: what changes of it makes the rows suspect.

Pure. A baseline is kept in the registry beside the generation, as a map of texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cassandra_views.model.names import counted
from cassandra_views.model.times import EPOCH, instant_text

_MEMBER = "member "
_FIRST_STARTED = "first started "
_BETWEEN = "; "
"""Between two reasons of one mark."""
_LONGEST = 1000
"""Characters of a reason; the history has each one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Why a generation may differ from its base: the next apply audits it in full.

    Args:
        by: who marked it, or whose run saw what changed.
    """

    since: datetime
    reason: str
    by: str

    def and_also(self, other: Suspicion) -> Suspicion:
        """Return the mark with a further reason; a reason that comes again makes it begin again."""
        known = self.reason.split(_BETWEEN)
        added = [part for part in other.reason.split(_BETWEEN) if part not in known]
        if not added:
            return Suspicion(since=other.since, reason=self.reason, by=other.by)
        return Suspicion(since=self.since, reason=_BETWEEN.join([*known, *added])[-_LONGEST:], by=other.by)

    def __str__(self) -> str:
        return f"suspect since {instant_text(self.since.replace(microsecond=0))}: {self.reason} (by {self.by})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a generation's rows depend on.

    Args:
        base_id: of the base table; another id is another table.
        base_columns: a mark of the base's columns and key.
        replication: of the keyspace.
        truncated: when the base was last truncated, as the newest of its nodes says, in milliseconds; 0 is never.
        members: by host id, a mark of the tokens that the node owns.
        first_started: by host id, when the node started without any data, in microseconds; one that replaces another
            under its address takes its host id, too. Only nodes that answered are in it.
    """

    base_id: str = ""
    base_columns: str = ""
    replication: str = ""
    truncated: int = 0
    members: Mapping[str, str] = field(default_factory=dict)
    first_started: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_map(cls, found: Mapping[str, str]) -> Baseline | None:
        """Return the value of the registry's form; None where nothing was kept yet."""
        if not found:
            return None
        return cls(
            base_id=found.get("base_id", ""),
            base_columns=found.get("base_columns", ""),
            replication=found.get("replication", ""),
            truncated=int(found.get("truncated", "0")),
            members=_with_prefix(found, _MEMBER),
            first_started={host: int(moment) for host, moment in _with_prefix(found, _FIRST_STARTED).items()},
        )

    def to_map(self) -> dict[str, str]:
        """Return the registry's form."""
        found = {
            "base_id": self.base_id,
            "base_columns": self.base_columns,
            "replication": self.replication,
            "truncated": str(self.truncated),
        }
        found |= {f"{_MEMBER}{host}": mark for host, mark in sorted(self.members.items())}
        return found | {f"{_FIRST_STARTED}{host}": str(moment) for host, moment in sorted(self.first_started.items())}

    def after(self, former: Baseline, *, is_whole: bool) -> Baseline:
        """Return it with what a node that was silent now said before.

        Each node alone knows when it truncated a table, and one may know of members that the others forgot: what is
        lower or missing where a node is silent would seem new when that node returns.

        Args:
            is_whole: every node answered; else the members are those of before, where any are known.
        """
        members = self.members if is_whole or not former.members else former.members
        started = {**former.first_started, **self.first_started}
        return replace(
            self,
            truncated=max(self.truncated, former.truncated),
            members=members,
            first_started={host: moment for host, moment in started.items() if host in members},
        )

    def changes(self, now: Baseline) -> tuple[str, ...]:
        """Return what has changed since so that rows may differ, in words; a node that joins changes nothing."""
        found = []
        if self.base_id and now.base_id != self.base_id:
            found.append("the base table was dropped and created again")
        if self.base_columns and now.base_columns != self.base_columns:
            found.append("the columns of the base table were altered")
        if self.replication and now.replication != self.replication:
            found.append(f"the keyspace's replication changed from {self.replication} to {now.replication}")
        if now.truncated > self.truncated:
            moment = EPOCH + timedelta(milliseconds=now.truncated)
            found.append(f"the base table was truncated at {instant_text(moment.astimezone(UTC))}")
        found += [
            f"node {host} was replaced by another of the same address"
            for host, moment in sorted(self.first_started.items())
            if now.first_started.get(host, moment) != moment
        ]
        return (*found, *_member_changes(self.members, now.members))


def _with_prefix(found: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}


def first_baseline(*, base_columns: str, created_at: datetime | None, now: Baseline) -> Baseline:
    """Return what to compare with where nothing was kept: what is known of the moment a generation was made."""
    created = int((created_at - EPOCH) / timedelta(milliseconds=1)) if created_at else now.truncated
    return Baseline(base_columns=base_columns, truncated=max(created, 0))


def _member_changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    if not before or not now:
        return  # nothing was known of the ring, or nobody could be asked
    joined = {mark: host for host, mark in now.items() if host not in before}
    gone = sorted(before.keys() - now.keys())
    moved = sorted(host for host in before.keys() & now.keys() if before[host] != now[host])
    for host in gone:
        successor = joined.get(before[host])
        yield f"node {host} was replaced by {successor}" if successor else f"node {host} was removed from the ring"
    # A node that joins takes nothing of the tokens that others own; one that moves has others.
    if moved:
        yield f"{counted(len(moved), 'node')} moved to other tokens: {', '.join(moved)}"
