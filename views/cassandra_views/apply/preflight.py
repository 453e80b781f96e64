"""The checks before any work: every node is asked, and one unfit node refuses the run.

Reads only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from cassandra import Unauthorized

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_client.members import read_members
from cassandra_client.names import quoted
from cassandra_views.model.errors import PreflightError
from cassandra_views.plan.catalog import VIEWS_ENABLED, ClusterFacts, read_facts

_STATUS_TABLES = (
    "system.built_views",
    "system.view_builds_in_progress",
    "system.batches",
    "system.size_estimates",
    "system_distributed.view_build_status",
    "system_views.gossip_info",
    "system_views.pending_hints",
    "system_views.settings",
)
OLDEST = (4, 1)
AGREEMENT_SECONDS = 20.0


def check_cluster(database: Database, *, agreement_seconds: float = AGREEMENT_SECONDS) -> ClusterFacts:
    """Ask every node whether it is fit for work on views.

    Args:
        agreement_seconds: how long the nodes may take to agree on a schema that somebody is changing now.

    Raises:
        PreflightError: names the node and what is wrong with it.
    """
    facts = read_facts(database)
    if not facts.may_read_settings:
        raise _missing("SELECT", "system_views.settings")
    _refuse_old(facts.versions)
    _refuse_disabled(facts.settings)
    _await_agreement(database, agreement_seconds)
    _refuse_moving(database)
    return facts


def missing_grants(database: Database, bases: Iterable[tuple[str, str]]) -> dict[tuple[str, str], PreflightError]:
    """Return the error of each base table on which the role lacks what the work needs.

    Asked only where the servers authorize.

    Raises:
        PreflightError: the role may not read how far builds are, which every view needs.
    """
    hosts = database.hosts()[:1]
    for table in _STATUS_TABLES:
        for answer in database.ask(f"SELECT * FROM {table} LIMIT 1", hosts):
            if isinstance(answer.error, Unauthorized):
                raise _missing("SELECT", table)
    role = getattr(database.session.cluster.auth_provider, "username", None)
    if role is None:
        return {}
    try:
        roles = database.rows(f"LIST ROLES OF {quoted(role)}")
        if any(row.get("super") for row in roles):
            return {}
        grants = database.rows(f"LIST ALL PERMISSIONS OF {quoted(role)}")
    except ClusterError:
        return {}  # a role that may not list its grants finds out from the server's own answer
    granted = {(row["permission"], row["resource"]) for row in grants}
    found = {}
    for keyspace, table in sorted(set(bases)):
        covering = {
            f"<table {keyspace}.{table}>",
            f"<keyspace {keyspace}>",
            "<all keyspaces>",
            f"<all tables in {keyspace}>",
        }
        for permission in ("ALTER", "SELECT"):  # to create and drop its views, and to audit them
            if not any((permission, resource) in granted for resource in covering):
                found[keyspace, table] = _missing(permission, f"{quoted(keyspace)}.{quoted(table)}")
                break
    return found


def _missing(permission: str, table: str) -> PreflightError:
    return PreflightError(
        f"the role lacks {permission} on it",
        on=f"table {table}",
        next=f"GRANT {permission} ON {table} TO the role, then run the command again",
    )


def _refuse_old(versions: dict[str, tuple[int, ...]]) -> None:
    for address, version in versions.items():
        if version < OLDEST:
            raise PreflightError(
                f"it runs Cassandra {'.'.join(map(str, version))}, and 4.1 is the oldest that this program works with",
                on=f"node {address}",
                next="Upgrade the cluster",
            )


def _refuse_disabled(settings: dict[str, dict[str, str]]) -> None:
    for address, each in settings.items():
        values = [each[name] for name in VIEWS_ENABLED if name in each]
        if values and "true" not in values:
            raise PreflightError(
                "materialized views are disabled on it",
                on=f"node {address}",
                next="Set materialized_views_enabled: true in cassandra.yaml on every node and restart it",
            )


def _await_agreement(database: Database, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        versions: dict[str, list[str]] = {}
        for answer in database.ask("SELECT schema_version FROM system.local"):
            for row in answer.rows:
                versions.setdefault(str(row["schema_version"]), []).append(str(answer.host.endpoint.address))
        if len(versions) <= 1:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    groups = "; ".join(", ".join(each) for each in versions.values())
    raise PreflightError(
        f"the nodes disagree on the schema ({groups})",
        next="Wait for them to agree ('nodetool describecluster'), then run the command again",
    )


def _refuse_moving(database: Database) -> None:
    for member in read_members(database):
        if member.is_moving:
            raise PreflightError(
                f"it is changing its place in the ring ({member.status})",
                on=f"node {member.address}",
                next="Wait until it is done, then run the command again",
            )
