"""The tables of cluster health, and their creation. Readable in cqlsh; additive changes only.

Rows of ``control`` are written by lightweight transactions alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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
        comment="cluster health: what was seen of each node",
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
        comment="cluster health: kill switch, skipped nodes, the operation that is under way",
    ),
)

_SERVICES = (
    OwnTable(
        name="services",
        columns="""
        hour text,
        at timestamp,
        service text,
        work text,
        machine text,
        seen list<text>,
        PRIMARY KEY (hour, at, service)
        """,
        options=(
            "CLUSTERING ORDER BY (at DESC, service ASC) AND compaction = {'class': 'TimeWindowCompactionStrategy', "
            "'compaction_window_unit': 'HOURS', 'compaction_window_size': '6'}"
        ),
        comment="cluster health: what was seen of each service",
    ),
)
"""Made where services are watched."""


def tables_exist(session: ClusterSession, keyspace: str) -> bool:
    """Tell whether the tables are there; errors as ``ClusterSession.rows``."""
    return _exist(session, keyspace, _TABLES)


def service_tables_exist(session: ClusterSession, keyspace: str) -> bool:
    """Tell whether the tables of services are there; errors as ``ClusterSession.rows``."""
    return _exist(session, keyspace, _SERVICES)


def _exist(session: ClusterSession, keyspace: str, tables: Sequence[OwnTable]) -> bool:
    rows = session.rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    return {row["table_name"] for row in rows} >= {each.name for each in tables}


def create_service_tables(session: ClusterSession, keyspace: str) -> None:
    """Make the tables of services where they are missing, the others first; errors as ``ClusterSession.ddl``."""
    create_tables(session, keyspace)
    if not service_tables_exist(session, keyspace):
        for statement in service_statements(keyspace):
            session.ddl(statement)


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


def service_statements(keyspace: str) -> list[str]:
    """Return what makes the tables of services; as ``statements``."""
    return [each.create_cql(keyspace) for each in _SERVICES]


def create_tables(session: ClusterSession, keyspace: str) -> None:
    """Make what is missing; errors as ``ClusterSession.ddl``."""
    if tables_exist(session, keyspace):
        return
    for statement in statements(keyspace, Counter(str(host.datacenter) for host in session.hosts())):
        session.ddl(statement)
