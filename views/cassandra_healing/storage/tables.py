"""The tables of cluster health, and their creation. Readable in cqlsh; additive changes only.

Rows of ``control`` are written by lightweight transactions alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from cassandra_client.database import OwnTable
from cassandra_client.errors import ClusterError
from cassandra_client.grants import Grant
from cassandra_healing.session import ClusterSession

_TABLES = (
    OwnTable(
        name="checks",
        columns="""
        hour text,
        at timestamp,
        host_id uuid,
        node text,
        status text,
        results map<text, text>,
        heartbeats map<text, text>,
        PRIMARY KEY (hour, at, host_id)
        """,
        options=(
            "CLUSTERING ORDER BY (at DESC, host_id ASC) AND compaction = {'class': 'TimeWindowCompactionStrategy', "
            "'compaction_window_unit': 'HOURS', 'compaction_window_size': '6'}"
        ),
        comment="cluster health: what was seen of each node and service",
    ),
    OwnTable(
        name="journal",
        columns="""
        month text,
        at timeuuid,
        event text,
        operation uuid,
        act text,
        node text,
        host_id uuid,
        rule text,
        mode text,
        author text,
        outcome text,
        detail text,
        evidence list<text>,
        PRIMARY KEY (month, at)
        """,
        options="CLUSTERING ORDER BY (at DESC)",
        comment="cluster health: what was decided and done, by whom; kept for good",
    ),
    OwnTable(
        name="control",
        columns="""
        scope text,
        kind text,
        name text,
        operation uuid,
        act text,
        node text,
        host_id uuid,
        author text,
        why text,
        at timestamp,
        PRIMARY KEY (scope, kind, name)
        """,
        options="CLUSTERING ORDER BY (kind ASC, name ASC)",
        comment="cluster health: kill switch, what is skipped, the operations that are under way",
    ),
)

_READ_TABLES = {
    "gossip_info": "what the nodes hear of each other",
    "settings": "which nodes are seeds, once a node is down",
    "streaming": "whether a node is busy with streams, once a node is down",
    "repairs": "whether a node is busy with repairs, once a node is down",
}
"""The tables of ``system_views`` that checks read. The others that they read, every role may read."""


def table_grants(keyspace: str, permissions: tuple[str, ...]) -> tuple[Grant, ...]:
    """Return these permissions on each table of cluster health."""
    return tuple(
        Grant(
            permission=permission, keyspace=keyspace, table=each.name, why=each.comment.removeprefix("cluster health: ")
        )
        for each in _TABLES
        for permission in permissions
    )


def healer_grants(keyspace: str) -> tuple[Grant, ...]:
    """Return what a role needs that checks a cluster, records that and executes operations; the tables exist."""
    read = (
        Grant(permission="SELECT", keyspace="system_views", table=name, why=why) for name, why in _READ_TABLES.items()
    )
    return (*read, *table_grants(keyspace, ("SELECT", "MODIFY")))


def check_permissions(session: ClusterSession, keyspace: str) -> None:
    """Refuse to check, record and heal with a role that lacks a permission for it.

    Raises:
        ClusterError: names the role, what it lacks, and the statements to give it that.
    """
    permissions = session.permissions()
    if permissions is None:
        return
    needed = healer_grants(keyspace)
    try:
        is_created = tables_exist(session, keyspace)
    except ClusterError:
        return  # a cluster that does not answer is what the check itself tells
    if not is_created:  # who creates a table holds every permission on it
        create = Grant(permission="CREATE", why="the tables of cluster health do not exist yet")
        needed = (*(each for each in needed if each.keyspace != keyspace), create)
    permissions.check(needed, on=f"keyspace {keyspace}")


def tables_exist(session: ClusterSession, keyspace: str) -> bool:
    """Tell whether the tables are there; errors as ``ClusterSession.rows``."""
    rows = session.rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    return {row["table_name"] for row in rows} >= {each.name for each in _TABLES}


def statements(keyspace: str, replicas: Mapping[str, int]) -> list[str]:
    """Return what makes keyspace and tables; each can be sent twice, and by two at once.

    Args:
        replicas: how many each data centre has; ``replication_factor`` stands for all data centres.
    """
    factors = ", ".join(f"'{_escaped(name)}': '{count}'" for name, count in sorted(replicas.items()))
    create = (
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', {factors}}}"
    )
    return [create, *(each.create_cql(keyspace) for each in _TABLES)]


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def create_tables(session: ClusterSession, keyspace: str) -> None:
    """Make what is missing; errors as ``ClusterSession.ddl``."""
    if tables_exist(session, keyspace):
        return
    nodes = Counter(str(host.datacenter) for host in session.hosts())
    for statement in statements(keyspace, {name: min(3, count) for name, count in nodes.items()}):
        session.ddl(statement)
