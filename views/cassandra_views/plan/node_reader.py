"""Asks every node what it is: version, schema, clock, settings, place in the ring, and what waits on it. Reads only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cassandra import Unauthorized
from cassandra.pool import Host
from cassandra.util import datetime_from_uuid1

from cassandra_client.database import Answer, Database, Row
from cassandra_client.driver_errors import driver_text, short_driver_text
from cassandra_client.errors import ClusterError
from cassandra_client.members import Member, read_members
from cassandra_views.plan.catalog import SAI_TABLE
from cassandra_views.plan.node_facts import (
    SETTINGS,
    TABLE_VIEWS_ALLOWED,
    ClockBounds,
    NodeFacts,
    ThreadPoolState,
    least_limit,
    nodes_of_centers,
)

_COMPACTION_TABLE = "compaction_group"

_LOCAL = "SELECT cluster_name, release_version, schema_version, now() AS now FROM system.local"
_TABLES = "SELECT keyspace_name, table_name FROM system_virtual_schema.tables"
_SNAPSHOT_OPTION = (
    "SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'system_schema' AND table_name = 'views'"
)
_GOSSIP = "SELECT host_id, disk_usage, heartbeat FROM system_views.gossip_info"
_POOLS = "SELECT name, active_tasks, pending_tasks, blocked_tasks FROM system_views.thread_pools"
_COMPACTIONS = (
    f"SELECT value FROM system_metrics.{_COMPACTION_TABLE} "
    "WHERE name = 'org.apache.cassandra.metrics.Compaction.PendingTasks'"
)
_ABILITY_OF_TABLE = {
    ("system_views", "pending_hints"): "pending hints",
    ("system_metrics", "client_request_group"): "view write metrics",
    ("system_metrics", _COMPACTION_TABLE): "compaction metrics",
    ("system_views", SAI_TABLE): "storage-attached indexes",
}
"""Abilities by the virtual table that comes with them."""
_WORST_DISK = ("FULL", "STUFFED", "SPACIOUS")
_HEARTBEAT_SECONDS = 3.0
"""A heartbeat rises each second, and peers hear it within another one or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What every node said of itself.

    Args:
        members: the ring, in the order of ``nodes``.
        reached: the hosts that answered, which alone are worth further questions.
        settings_refusal: why a node does not let the role read its settings; None where each does.
    """

    name: str
    nodes: tuple[NodeFacts, ...]
    members: tuple[Member, ...] = ()
    reached: tuple[Host, ...] = ()
    settings_refusal: Exception | None = None

    @property
    def data_centers(self) -> dict[str, int]:
        """How many nodes each data centre has, joining ones left out."""
        return nodes_of_centers(self.nodes)

    @property
    def view_guardrail(self) -> int | None:
        """How many views of one table the servers allow; None where they set no limit."""
        return least_limit(self.nodes, TABLE_VIEWS_ALLOWED)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not stop the work and should be known."""
        return tuple(f"{node.address} cannot be reached" for node in self.nodes if node.error)

    @property
    def has_snapshot_option(self) -> bool:
        """Tell whether every node knows ``allow_auto_snapshot`` (5.0 and newer)."""
        return all(node.version >= (5, 0) for node in self.nodes if node.version)

    @property
    def version_text(self) -> str:
        """The versions, each once."""
        return ", ".join(sorted({node.version_text for node in self.nodes if node.version}))


def read_facts(database: Database, *, timeout_seconds: float = 5.0) -> ClusterFacts:
    """Ask every node what it is; one that does not answer the first question is asked no other one.

    Raises:
        ClusterError: no node answers.
    """
    asked_at = datetime.now(UTC)
    answers = database.ask(_LOCAL, timeout_seconds=timeout_seconds)
    local = {_address(answer): answer for answer in answers}
    reached = [answer.host for answer in answers if answer.rows]
    if not reached:
        error = answers[0].error if answers else None
        raise ClusterError(
            f"no node answers{f': {driver_text(error)}' if error else ''}",
            next="Check that the nodes are up and reachable, then try again",
        )
    members = read_members(database, observers=reached, timeout_seconds=timeout_seconds)
    names = ", ".join(f"'{name}'" for name in SETTINGS)
    query = f"SELECT name, value FROM system_views.settings WHERE name IN ({names})"
    settings = {_address(each): each for each in database.ask(query, reached, timeout_seconds=timeout_seconds)}
    nodes = [
        _node(member, local.get(member.address), settings.get(member.address), asked_at=asked_at) for member in members
    ]
    refusals = (each.error for each in settings.values() if isinstance(each.error, Unauthorized))
    return ClusterFacts(
        name=next(str(answer.rows[0]["cluster_name"]) for answer in answers if answer.rows),
        nodes=tuple(nodes),
        members=tuple(members),
        reached=tuple(reached),
        settings_refusal=next(refusals, None),
    )


def read_node_details(
    database: Database, known: ClusterFacts, *, timeout_seconds: float = 5.0
) -> tuple[NodeFacts, ...]:
    """Return the nodes with what they are able to do, what waits on them, and what their peers hear of them.

    Takes a few seconds longer where a node does not answer: its heartbeat is looked at twice.
    """
    begun = time.monotonic()
    silent = any(node.error for node in known.nodes)
    first = _read_gossip(database, known.reached, timeout_seconds)
    tables, columns, pools = (
        {_address(each): each for each in database.ask(query, known.reached, timeout_seconds=timeout_seconds)}
        for query in (_TABLES, _SNAPSHOT_OPTION, _POOLS)
    )
    counting = [each.host for each in tables.values() if ("system_metrics", _COMPACTION_TABLE) in _table_names(each)]
    compactions = {
        _address(each): each for each in database.ask(_COMPACTIONS, counting, timeout_seconds=timeout_seconds)
    }
    heard: dict[str, bool] = {}
    if silent:
        time.sleep(max(0.0, _HEARTBEAT_SECONDS - (time.monotonic() - begun)))
        heard = moved_heartbeats(first, _read_gossip(database, known.reached, timeout_seconds))
    found = []
    for member, node in zip(known.members, known.nodes, strict=True):
        id_, address = str(member.host_id), node.address
        node = replace(node, disk_word=worst_disk(first, id_), is_heard=heard.get(id_) if node.error else None)
        if address in tables:
            errors = {
                "abilities": tables[address].error or columns[address].error,
                "pools": pools[address].error,
                "compactions": compactions[address].error if address in compactions else None,
            }
            node = replace(
                node,
                abilities=_abilities(tables[address], columns[address]),
                pools=_pool_states(pools[address]),
                pending_compactions=_pending_compactions(compactions.get(address)),
                unread={**node.unread, **{what: short_driver_text(each) for what, each in errors.items() if each}},
            )
        found.append(node)
    return tuple(found)


def worst_disk(gossip: Iterable[Row], host_id: str) -> str:
    """Return what gossip says of a node's disk; of several words the worst, empty where it says nothing."""
    words = {str(row["disk_usage"] or "").partition(",")[0] for row in gossip if str(row["host_id"]) == host_id}
    return next((word for word in _WORST_DISK if word in words), "")


def moved_heartbeats(first: Iterable[Row], second: Iterable[Row]) -> dict[str, bool]:
    """Return, by host id, whether some peer heard a node between two looks at the heartbeats."""
    before, after = _heartbeats(first), _heartbeats(second)
    return {host_id: beat > before[host_id] for host_id, beat in after.items() if host_id in before}


def _heartbeats(gossip: Iterable[Row]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in gossip:
        host_id, beat = str(row["host_id"]), row["heartbeat"]
        if beat is not None:
            found[host_id] = max(int(beat), found.get(host_id, 0))
    return found


def _read_gossip(database: Database, hosts: Iterable[Host], timeout_seconds: float) -> list[Row]:
    return [row for answer in database.ask(_GOSSIP, hosts, timeout_seconds=timeout_seconds) for row in answer.rows]


def _address(answer: Answer) -> str:
    return str(answer.host.endpoint.address)


def _node(member: Member, local: Answer | None, settings: Answer | None, *, asked_at: datetime) -> NodeFacts:
    node = NodeFacts(
        address=member.address,
        data_center=member.data_center,
        state=member.status,
        is_moving=member.is_moving,
        owns_tokens=member.owns_tokens,
    )
    if local is None or not local.rows:
        # A node that joins takes no clients until it is done.
        why = short_driver_text(local.error) if local is not None and local.error else "it says nothing"
        return replace(node, error=why if member.owns_tokens else "")
    row = local.rows[0]
    now = datetime_from_uuid1(row["now"]).replace(tzinfo=UTC)
    unread: Mapping[str, str] = {}
    if settings is not None and settings.error is not None:
        unread = {"settings": short_driver_text(settings.error)}
    return replace(
        node,
        version=_version(row),
        schema=str(row["schema_version"]),
        settings={each["name"]: each["value"] or "" for each in settings.rows}
        if settings is not None and settings.error is None
        else None,
        unread=unread,
        clock=ClockBounds(least=now - asked_at - timedelta(seconds=local.seconds), most=now - asked_at),
    )


def _version(row: Row) -> tuple[int, ...]:
    text = str(row["release_version"]).partition("-")[0]
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _table_names(tables: Answer) -> set[tuple[str, str]]:
    return {(row["keyspace_name"], row["table_name"]) for row in tables.rows}


def _abilities(tables: Answer, columns: Answer) -> frozenset[str] | None:
    if tables.error is not None or columns.error is not None:
        return None
    found = {ability for name, ability in _ABILITY_OF_TABLE.items() if name in _table_names(tables)}
    if any(row["column_name"] == "allow_auto_snapshot" for row in columns.rows):
        found.add("snapshot option")
    return frozenset(found)


def _pool_states(answer: Answer) -> dict[str, ThreadPoolState] | None:
    if answer.error is not None:
        return None
    return {
        row["name"]: ThreadPoolState(
            active=row["active_tasks"] or 0, pending=row["pending_tasks"] or 0, blocked=row["blocked_tasks"] or 0
        )
        for row in answer.rows
    }


def _pending_compactions(answer: Answer | None) -> int | None:
    if answer is None or not answer.rows:
        return None
    text = str(answer.rows[0]["value"])
    return int(text) if text.isdigit() else None


__all__ = ["ClusterFacts", "moved_heartbeats", "read_facts", "read_node_details", "worst_disk"]
