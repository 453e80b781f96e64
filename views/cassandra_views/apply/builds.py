"""How far a build is: the truth of each node, from its own tables. Reads only.

Built means (design 5.5): ``system.built_views`` on every token-owning member, none of them joining, leaving or moving,
and no batch or hint older than the last SUCCESS on any node. ``system_distributed.view_build_status`` answers for what
cannot be reached.

A node that has gone through its rows says SUCCESS while writes to other replicas are still under way: each stands in
``system.batches`` until it is acknowledged. A batch that is not, in time, becomes a hint for that replica (tried on
5.0.9: rows were missing for half a minute after the last batch had gone), so both count.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra import ConsistencyLevel, Unauthorized
from cassandra.pool import Host
from cassandra.util import datetime_from_uuid1

from cassandra_client.database import Answer, Database, Row
from cassandra_client.driver_errors import advice, driver_text
from cassandra_client.errors import ClusterError
from cassandra_client.members import Member, read_members
from cassandra_views.model.times import EPOCH

_RING = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBuild:
    """One node's part of a build.

    Args:
        share: about how much of the node's work is done, 0 to 1.
        keys: partitions the node has gone through, as of its last checkpoint.
        is_left_out: it cannot be reached, and a person chose to go on without it.
    """

    address: str
    is_built: bool
    is_reachable: bool
    share: float = 0.0
    keys: int = 0
    note: str = ""
    is_left_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """All nodes' parts of one build, at one moment.

    Args:
        moving: members that join, leave or move; nothing counts as built while there are any.
        undrained: nodes that hold batches or hints older than the last SUCCESS, or that cannot be asked.
        succeeded_at: the last SUCCESS, by the servers' clocks; None while one is missing.
        cutoff: batches up to this moment count: the last SUCCESS, or where it is unknown the first look
            that found every node built.
    """

    nodes: tuple[NodeBuild, ...]
    moving: tuple[str, ...] = ()
    undrained: tuple[str, ...] = ()
    succeeded_at: datetime | None = None
    cutoff: datetime | None = None

    @property
    def is_built(self) -> bool:
        """Tell whether the generation counts as built."""
        is_done = all(node.is_built or node.is_left_out for node in self.nodes)
        return is_done and not self.moving and not self.undrained

    @property
    def left_out(self) -> tuple[str, ...]:
        """The members that are not known to have built it, and are not waited for."""
        return tuple(node.address for node in self.nodes if node.is_left_out and not node.is_built)

    @property
    def share(self) -> float:
        """About how much of the whole is done, 0 to 1."""
        return sum(1.0 if node.is_built else node.share for node in self.nodes) / max(1, len(self.nodes))

    @property
    def keys(self) -> int:
        """Partitions gone through by all nodes, as of their last checkpoints."""
        return sum(node.keys for node in self.nodes)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What is being waited for, in words, one entry a node."""
        waiting = [node for node in self.nodes if not node.is_built and not node.is_left_out]
        found = [f"{node.address} ({node.note or f'{node.share:.0%}'})" for node in waiting]
        found += [f"{address} (still delivers view writes, or cannot be asked)" for address in self.undrained]
        return tuple(found + [f"{address} (is moving in the ring)" for address in self.moving])

    def mark(self) -> tuple[Any, ...]:
        """Return what changes as long as the build makes progress."""
        nodes = tuple((node.address, node.is_built, round(node.share, 6), node.keys) for node in self.nodes)
        return (nodes, self.undrained, self.moving)


def read_build(
    database: Database,
    keyspace: str,
    physical: str,
    *,
    cutoff: datetime | None = None,
    without: Collection[str] = (),
    members: Sequence[Member] | None = None,
    timeout_seconds: float = 5.0,
) -> BuildProgress:
    """Ask every member how far it is with one view.

    Args:
        cutoff: that of an earlier look of the same wait.
        without: addresses of members that are not waited for where they cannot be reached.
        members: the ring, where it was read a moment ago.
        timeout_seconds: how long each node may take for each question.

    Raises:
        ClusterError: no member answers, or the role may not read the status tables.
    """
    members = read_members(database) if members is None else members
    owning = [member for member in members if member.owns_tokens]
    built = database.ask(
        "SELECT view_name FROM system.built_views WHERE keyspace_name = %s AND view_name = %s",
        [member.host for member in owning],
        values=(keyspace, physical),
        timeout_seconds=timeout_seconds,
    )
    refuse_unauthorized(built)
    if all(answer.error for answer in built):
        raise ClusterError(
            "no member answers",
            on=f"{keyspace}.{physical}",
            remains="The build continues by itself",
            next="Check that the nodes are up and reachable, then run the command again",
        )
    waiting = [each for each, answer in zip(owning, built, strict=True) if not answer.error and not answer.rows]
    progress = _progress(database, keyspace, physical, waiting, len(owning))
    silent = [each for each, answer in zip(owning, built, strict=True) if answer.error]
    all_local = not waiting
    status = _distributed(database, keyspace, physical) if silent or all_local else {}

    nodes = []
    for member, answer in zip(owning, built, strict=True):
        if answer.rows:
            nodes.append(NodeBuild(address=member.address, is_built=True, is_reachable=True, share=1.0))
        elif answer.error:
            row = status.get(member.host_id)
            is_built = bool(row and row["status"] == "SUCCESS")
            note = "cannot be reached; it must come back, leave the ring, or be left out by 'views apply --without'"
            nodes.append(
                NodeBuild(
                    address=member.address,
                    is_built=is_built,
                    is_reachable=False,
                    note=note,
                    is_left_out=member.address in without,
                )
            )
        else:
            share, keys = progress.get(member.address, (0.0, 0))
            nodes.append(NodeBuild(address=member.address, is_built=False, is_reachable=True, share=share, keys=keys))
    moving = tuple(member.address for member in members if member.is_moving)
    succeeded_at: datetime | None = None
    undrained: tuple[str, ...] = ()
    if all(node.is_built or node.is_left_out for node in nodes):
        asked = [member for member, node in zip(owning, nodes, strict=True) if not node.is_left_out]
        succeeded_at = _last_success(status, asked)
        cutoff = succeeded_at or cutoff or server_time(database)
        undrained = find_undrained(database, asked, cutoff)
    return BuildProgress(
        nodes=tuple(nodes), moving=moving, undrained=undrained, succeeded_at=succeeded_at, cutoff=cutoff
    )


def running_builds(
    database: Database, keyspace: str, *, hosts: Iterable[Host] | None = None, timeout_seconds: float = 5.0
) -> tuple[str, ...]:
    """Return the physical views of a keyspace that some reachable node is building now.

    Only those the node still has in its schema: one that was down when a view was dropped may keep its rows.

    Args:
        hosts: those to ask; None asks all.
    """
    names: set[str] = set()
    building = database.ask(
        "SELECT view_name FROM system.view_builds_in_progress WHERE keyspace_name = %s",
        hosts,
        values=(keyspace,),
        timeout_seconds=timeout_seconds,
    )
    busy = [answer for answer in building if answer.rows]
    existing = database.ask(
        "SELECT view_name FROM system_schema.views WHERE keyspace_name = %s",
        [answer.host for answer in busy],
        values=(keyspace,),
        timeout_seconds=timeout_seconds,
    )
    for answer, known in zip(busy, existing, strict=True):
        names |= {row["view_name"] for row in answer.rows} & {row["view_name"] for row in known.rows}
    return tuple(sorted(names))


def _progress(
    database: Database, keyspace: str, physical: str, members: list[Member], size: int
) -> dict[str, tuple[float, int]]:
    if not members:
        return {}
    answers = database.ask(
        "SELECT start_token, end_token, last_token, keys_built FROM system.view_builds_in_progress "
        "WHERE keyspace_name = %s AND view_name = %s",
        [member.host for member in members],
        values=(keyspace, physical),
    )
    replicas = _replicas(database, keyspace)
    found = {}
    for member, answer in zip(members, answers, strict=True):
        done = sum(_span(row["start_token"], row["last_token"]) for row in answer.rows if row["last_token"])
        keys = sum(row["keys_built"] or 0 for row in answer.rows)
        found[member.address] = (min(0.99, done / (_RING * min(1.0, replicas / max(1, size)))), keys)
    return found


def _span(start: str, end: str) -> int:
    """Return how much of the ring lies in ``(start, end]``; equal tokens span all of it."""
    try:
        return (int(end) - int(start)) % _RING or _RING
    except ValueError:  # a partitioner whose tokens are no numbers
        return 0


def _replicas(database: Database, keyspace: str) -> int:
    rows = database.rows("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?", (keyspace,))
    factors = [value for key, value in rows[0]["replication"].items() if key != "class"] if rows else []
    return sum(int(str(each).partition("/")[0]) for each in factors if str(each)[:1].isdigit()) or 1


def _distributed(database: Database, keyspace: str, physical: str) -> dict[uuid.UUID, Row]:
    query = (
        "SELECT host_id, status, WRITETIME(status) AS written FROM system_distributed.view_build_status "
        "WHERE keyspace_name = ? AND view_name = ?"
    )
    try:
        rows = database.rows(query, (keyspace, physical), consistency=ConsistencyLevel.QUORUM, timeout_seconds=3)
    except ClusterError:
        # system_distributed has three replicas by default, which a one-node cluster cannot have.
        try:
            rows = database.rows(query, (keyspace, physical), consistency=ConsistencyLevel.ONE, timeout_seconds=3)
        except ClusterError:
            return {}
    return {row["host_id"]: row for row in rows}


def _last_success(status: dict[uuid.UUID, Row], members: list[Member]) -> datetime | None:
    times = [row["written"] for member in members if (row := status.get(member.host_id)) and row["status"] == "SUCCESS"]
    return EPOCH + timedelta(microseconds=max(times)) if len(times) == len(members) else None


def server_time(database: Database) -> datetime:
    """Return now by a node's clock: batches carry the time of the nodes, not ours."""
    row = database.rows("SELECT now() AS now FROM system.local")[0]
    return _moment(row["now"])


def find_undrained(database: Database, members: Sequence[Member], cutoff: datetime) -> tuple[str, ...]:
    """Return the nodes that hold a batch or a hint of before the cut-off, or that cannot say.

    Raises:
        ClusterError: the role may not read them.
    """
    hosts = [member.host for member in members]
    batches = database.ask("SELECT id FROM system.batches", hosts)
    hints = database.ask("SELECT host_id, oldest FROM system_views.pending_hints", hosts)
    refuse_unauthorized([*batches, *hints])
    ids = {member.host_id for member in members}
    found = []
    for member, batch, hint in zip(members, batches, hints, strict=True):
        has_batch = any(_moment(row["id"]) <= cutoff for row in batch.rows)
        has_hint = any(row["host_id"] in ids and row["oldest"].replace(tzinfo=UTC) <= cutoff for row in hint.rows)
        if batch.error or hint.error or has_batch or has_hint:
            found.append(member.address)
    return tuple(found)


def _moment(timeuuid: uuid.UUID) -> datetime:
    moment: datetime = datetime_from_uuid1(timeuuid)
    return moment.replace(tzinfo=UTC)


def refuse_unauthorized(answers: Sequence[Answer]) -> None:
    """Tell which grants lack, where a node said that one does."""
    for answer in answers:
        if isinstance(answer.error, Unauthorized):
            raise ClusterError(
                f"the role may not read the build's status: {driver_text(answer.error)}", next=advice(answer.error)
            )
