"""The tables of cluster health, and their creation. Readable in cqlsh; additive changes only.

Rows of ``control`` are written by lightweight transactions alone.
"""

from __future__ import annotations

from collections import Counter

from cassandra_client.database import OwnTable
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


def tables_exist(session: ClusterSession, keyspace: str) -> bool:
    """Tell whether the tables are there; errors as ``ClusterSession.rows``."""
    rows = session.rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    return {row["table_name"] for row in rows} >= {each.name for each in _TABLES}


def statements(keyspace: str, data_centers: Counter[str]) -> list[str]:
    """Return what makes keyspace and tables; each can be sent twice, and by two at once.

    Args:
        data_centers: how many nodes each has; three replicas there, or as many as it has nodes.
    """
    factors = ", ".join(f"'{_escaped(name)}': '{min(3, count)}'" for name, count in sorted(data_centers.items()))
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
    for statement in statements(keyspace, Counter(str(host.datacenter) for host in session.hosts())):
        session.ddl(statement)
