"""The checks before any work: every node is asked, and one unfit node refuses the run.

Reads only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from cassandra import Unauthorized

from cassandra_client.database import Database
from cassandra_client.driver_errors import advice, driver_text
from cassandra_client.grants import Grant, grants_text, missing_text, read_permissions
from cassandra_client.members import read_members
from cassandra_views.apply.grants import base_grants, common_grants, needed_status_grants
from cassandra_views.model.errors import PreflightError
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Step, find_step_view
from cassandra_views.plan.catalog import VIEWS_ENABLED, ClusterFacts, read_catalog, read_facts

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
    if facts.settings_refusal is not None:
        permissions = read_permissions(database.session, database.rows)
        if permissions is not None and (missing := permissions.missing(needed_status_grants())):
            raise _missing(permissions.role, missing, on="system_views.settings")
        raise _refused(facts.settings_refusal)
    _refuse_old(facts.versions)
    _refuse_disabled(facts.settings)
    _await_agreement(database, agreement_seconds)
    _refuse_moving(database)
    return facts


def missing_grants(
    database: Database, steps: Sequence[Step], registry: str, number: int | None
) -> dict[ViewName, PreflightError]:
    """Return the error of each view on whose base table the role lacks what the steps need.

    Asked only where the servers authorize.

    Args:
        registry: the registry's keyspace.
        number: its schema number; None where there is no registry.

    Raises:
        PreflightError: the role lacks what every step needs; names each permission, its resource and the GRANT.
    """
    permissions = read_permissions(database.session, database.rows)
    if permissions is None:
        _refuse_unreadable(database)
        return {}
    if permissions.is_superuser:
        return {}
    views = {view for step in steps if (view := find_step_view(step)) is not None}
    catalog = read_catalog(database, {view.keyspace for view in views})
    missing = permissions.missing(common_grants(steps, registry, number, catalog))
    if missing:
        raise _missing(permissions.role, missing, on=f"registry {registry}")
    needed: dict[ViewName, list[Grant]] = {}
    for step in steps:
        if grants := base_grants(step, catalog):
            needed.setdefault(cast(ViewName, find_step_view(step)), []).extend(grants)
    lacking = {view: permissions.missing(grants) for view, grants in needed.items()}
    return {view: _missing(permissions.role, found, on=str(view)) for view, found in lacking.items() if found}


def _refuse_unreadable(database: Database) -> None:
    """Refuse a role that one node lets read none of what builds are followed by; for servers that list no grants."""
    hosts = database.hosts()[:1]
    for each in needed_status_grants():
        for answer in database.ask(f"SELECT * FROM {each.keyspace}.{each.table} LIMIT 1", hosts):
            if isinstance(answer.error, Unauthorized):
                raise _refused(answer.error)


def _missing(role: str, missing: Sequence[Grant], *, on: str) -> PreflightError:
    return PreflightError(missing_text(role, missing), on=on, next=grants_text(role, missing))


def _refused(error: Exception) -> PreflightError:
    return PreflightError(driver_text(error), next=advice(error))


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
