"""How the cluster's nodes are, by what they themselves say; and who holds the lease. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cassandra import ConsistencyLevel, Unauthorized

from cassandra_client.database import Database
from cassandra_client.driver_errors import driver_text
from cassandra_client.members import read_members
from cassandra_client.names import quoted
from cassandra_views.apply.builds import running_builds
from cassandra_views.registry.lease import RESOURCE
from cassandra_views.registry.store import Registry

_SETTINGS = ("materialized_views_enabled", "enable_materialized_views", "materialized_views_per_table_fail_threshold")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHealth:
    """One node, as it answered now.

    Args:
        state: its word in gossip; empty where no node's gossip may be read.
        version: empty where it did not answer.
        schema: the first letters of its schema version.
        views_enabled: None where its settings may not be read.
        error: why it did not answer.
    """

    address: str
    data_center: str
    state: str
    is_moving: bool
    version: str = ""
    schema: str = ""
    views_enabled: bool | None = None
    error: str = ""

    @property
    def word(self) -> str:
        """One word for the node: ``up``, ``moving`` or ``down``."""
        return "down" if self.error else "moving" if self.is_moving else "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterHealth:
    """All nodes at one moment.

    Args:
        lease_owner: the run that sends DDL or switches readers now; empty where none does.
        running: views that some node builds now, as ``keyspace.physical``.
        unreadable: tables that the role may not read, so that their part is unknown.
    """

    at: datetime
    cluster: str
    registry: str
    registry_schema: int | None
    nodes: tuple[NodeHealth, ...]
    lease_owner: str = ""
    running: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Tell whether all nodes that answered have one schema."""
        return len({node.schema for node in self.nodes if node.schema}) <= 1

    @property
    def down(self) -> tuple[str, ...]:
        """The nodes that did not answer."""
        return tuple(node.address for node in self.nodes if node.error)


def ask_health(database: Database, registry: Registry) -> ClusterHealth:
    """Ask every node how it is.

    Raises:
        ClusterError: no node answers.
    """
    local = database.rows("SELECT cluster_name FROM system.local", consistency=ConsistencyLevel.ONE)
    members = read_members(database)
    hosts = [member.host for member in members]
    unreadable: dict[str, None] = {}
    if any(not member.status for member in members):
        unreadable["system_views.gossip_info"] = None
    names = ", ".join(f"'{name}'" for name in _SETTINGS)
    told = database.ask("SELECT release_version, schema_version FROM system.local", hosts, timeout_seconds=2.0)
    settings = database.ask(
        f"SELECT name, value FROM system_views.settings WHERE name IN ({names})", hosts, timeout_seconds=2.0
    )
    nodes = []
    for member, answer, own in zip(members, told, settings, strict=True):
        if isinstance(own.error, Unauthorized):
            unreadable["system_views.settings"] = None
        row = answer.rows[0] if answer.rows else {}
        enabled = [each["value"] for each in own.rows if each["name"].endswith("materialized_views_enabled")]
        enabled += [each["value"] for each in own.rows if each["name"].startswith("enable_")]
        nodes.append(
            NodeHealth(
                address=member.address,
                data_center=member.data_center,
                state=member.status,
                is_moving=member.is_moving,
                version=str(row.get("release_version", "")),
                schema=str(row.get("schema_version", ""))[:8],
                views_enabled=enabled[0].lower() == "true" if enabled else None,
                # A node that joins takes no clients until it is done.
                error=driver_text(answer.error) if answer.error and member.owns_tokens else "",
            )
        )
    number = registry.schema_number()
    owner, running = "", []
    if number is not None:
        lease = f"SELECT owner FROM {quoted(registry.keyspace)}.lease WHERE resource = ?"
        rows = database.rows(lease, (RESOURCE,), consistency=ConsistencyLevel.LOCAL_QUORUM)
        owner = (rows[0]["owner"] or "") if rows else ""
        for keyspace in sorted({record.name.keyspace for record in registry.read_all() if record.is_live}):
            running += [f"{keyspace}.{each}" for each in running_builds(database, keyspace)]
    return ClusterHealth(
        at=datetime.now(UTC),
        cluster=str(local[0]["cluster_name"]),
        registry=registry.keyspace,
        registry_schema=number,
        nodes=tuple(nodes),
        lease_owner=owner,
        running=tuple(running),
        unreadable=tuple(unreadable),
    )
