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
from cassandra_views.apply.grants import base_grants, common_grants, needed_status_grants
from cassandra_views.model.errors import PreflightError
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Step, find_step_view
from cassandra_views.plan.catalog import read_catalog
from cassandra_views.plan.node_facts import OLDEST, NodeFacts, major_versions, schema_groups
from cassandra_views.plan.node_reader import ClusterFacts, read_facts

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
    _refuse_unfit(facts.nodes)
    _refuse_mixed(facts.nodes)
    facts = _await_agreement(database, facts, agreement_seconds)
    _refuse_moving(facts.nodes)
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


def _refuse_unfit(nodes: Sequence[NodeFacts]) -> None:
    for node in nodes:
        if node.is_too_old:
            raise PreflightError(
                f"it runs Cassandra {node.version_text}, and {'.'.join(map(str, OLDEST))} is the oldest that this "
                "program works with",
                on=f"node {node.address}",
                next="Upgrade the cluster",
            )
    for node in nodes:
        if node.views_enabled is False:
            raise PreflightError(
                "materialized views are disabled on it",
                on=f"node {node.address}",
                next="Set materialized_views_enabled: true in cassandra.yaml on every node and restart it",
            )


def _refuse_mixed(nodes: Sequence[NodeFacts]) -> None:
    found = major_versions(nodes)
    if len(found) > 1:
        told = "; ".join(f"Cassandra {major}: {', '.join(addresses)}" for major, addresses in found.items())
        raise PreflightError(
            f"the nodes run different versions, and a schema change would reach those of one alone ({told})",
            next="Finish the upgrade on every node, then run the command again; readers go on meanwhile",
        )


def _await_agreement(database: Database, facts: ClusterFacts, seconds: float) -> ClusterFacts:
    deadline = time.monotonic() + seconds
    while len(groups := schema_groups(facts.nodes)) > 1:
        if time.monotonic() > deadline:
            raise PreflightError(
                f"the nodes disagree on the schema ({'; '.join(', '.join(group) for group in groups)})",
                next="Wait for them to agree ('nodetool describecluster'), then run the command again",
            )
        time.sleep(0.2)
        facts = read_facts(database)
    return facts


def _refuse_moving(nodes: Sequence[NodeFacts]) -> None:
    for node in nodes:
        if node.is_moving:
            raise PreflightError(
                f"it joins, leaves or moves ({node.state})",
                on=f"node {node.address}",
                next="Wait until it is done, then run the command again",
            )
