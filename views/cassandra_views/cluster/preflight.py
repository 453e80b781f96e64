"""The checks before any work: every node is asked, and one unfit node refuses the run.

Reads only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from cassandra import Unauthorized

from cassandra_client.database import Database, Row
from cassandra_client.driver_errors import driver_text
from cassandra_client.errors import ClusterError
from cassandra_client.members import read_members
from cassandra_client.names import quoted
from cassandra_views.model.errors import PreflightError

_SETTINGS = (
    "materialized_views_enabled",
    "enable_materialized_views",
    "materialized_views_per_table_fail_threshold",
    "auto_snapshot",
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What every node said of itself.

    Args:
        versions: by address.
        warnings: what does not stop the work and should be known.
        view_guardrail: how many views of one table the servers allow; None where they set no limit.
    """

    name: str
    versions: dict[str, tuple[int, ...]]
    data_centers: dict[str, int]
    view_guardrail: int | None = None
    keeps_snapshots: bool = False
    warnings: tuple[str, ...] = ()
    settings: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def has_snapshot_option(self) -> bool:
        """Tell whether every node knows ``allow_auto_snapshot`` (5.0 and newer)."""
        return all(version >= (5, 0) for version in self.versions.values())

    @property
    def version_text(self) -> str:
        """The versions, each once."""
        return ", ".join(sorted({".".join(map(str, version)) for version in self.versions.values()}))


def check_cluster(
    database: Database, *, is_work: bool = True, agreement_seconds: float = AGREEMENT_SECONDS
) -> ClusterFacts:
    """Ask every node whether it is fit for work on views.

    Args:
        is_work: False only gathers facts, as planning and status do; nothing is refused.
        agreement_seconds: how long the nodes may take to agree on a schema that somebody is changing now.

    Raises:
        PreflightError: names the node and what is wrong with it.
    """
    answers = database.ask("SELECT cluster_name, release_version, schema_version, host_id FROM system.local")
    reached = [answer for answer in answers if answer.rows]
    if not reached:
        error = answers[0].error if answers else None
        raise ClusterError(
            f"no node answers{f': {driver_text(error)}' if error else ''}",
            next="See that the nodes are up and reachable, then run the command again",
        )
    versions = {str(answer.host.endpoint.address): _version(answer.rows[0]) for answer in reached}
    settings = _settings(database, is_work=is_work)
    data_centers: dict[str, int] = {}
    for host in database.hosts():
        data_centers[host.datacenter or ""] = data_centers.get(host.datacenter or "", 0) + 1
    warnings = [f"{a.host.endpoint.address} cannot be reached" for a in answers if not a.rows]
    if is_work:
        _refuse_old(versions)
        _refuse_disabled(settings)
        _await_agreement(database, agreement_seconds)
        _refuse_moving(database)
    thresholds = [
        int(value)
        for each in settings.values()
        if (value := each.get("materialized_views_per_table_fail_threshold", "-1")).lstrip("-").isdigit()
    ]
    return ClusterFacts(
        name=reached[0].rows[0]["cluster_name"],
        versions=versions,
        data_centers=data_centers,
        view_guardrail=min((each for each in thresholds if each >= 0), default=None),
        keeps_snapshots=any(each.get("auto_snapshot") == "true" for each in settings.values()),
        warnings=tuple(warnings),
        settings=settings,
    )


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


def _version(row: Row) -> tuple[int, ...]:
    text = str(row["release_version"]).partition("-")[0]
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _settings(database: Database, *, is_work: bool) -> dict[str, dict[str, str]]:
    names = ", ".join(f"'{name}'" for name in _SETTINGS)
    found = {}
    for answer in database.ask(f"SELECT name, value FROM system_views.settings WHERE name IN ({names})"):
        address = str(answer.host.endpoint.address)
        if isinstance(answer.error, Unauthorized) and is_work:
            raise _missing("SELECT", "system_views.settings")
        if answer.error is None:
            found[address] = {row["name"]: row["value"] or "" for row in answer.rows}
    return found


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
        values = [each[name] for name in _SETTINGS[:2] if name in each]
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
