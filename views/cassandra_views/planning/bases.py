"""What stands below the views: keyspaces and base tables, made where they are missing and never altered. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cassandra_client.errors import ViewsError
from cassandra_views.cql.drift import alter_table_cql, table_drift
from cassandra_views.cql.findings import Finding, raise_on_errors
from cassandra_views.cql.lint_tables import lint_table
from cassandra_views.cql.printing import keyspace_cql, map_cql
from cassandra_views.cql.statements import table_statement
from cassandra_views.model.definition import Project, TableDefinition
from cassandra_views.model.errors import PreflightError, StatementError
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import (
    Catalog,
    Keyspace,
    TableShape,
    replication_refusals,
    too_many_replicas,
    without_quorum,
)
from cassandra_views.model.steps import CreateKeyspace, CreateTable, Step
from cassandra_views.planning.target import Target


def base_steps(
    project: Project,
    catalog: Catalog,
    target: Target,
    bases: set[tuple[str, str]] | None,
    notes: list[str],
    *,
    unusable: Collection[str | tuple[str, str]] = (),
) -> Iterable[Step]:
    """Return what creates keyspaces and base tables that are missing.

    Args:
        bases: limits it to some tables; None is all.
        notes: gets a sentence for each difference between what stands and what is described.
        unusable: keyspaces, and tables as (keyspace, table), that are left alone.
    """
    wanted = set(project.keyspaces) if bases is None else {keyspace for keyspace, _table in bases}
    wanted -= {each for each in unusable if isinstance(each, str)}
    tables = [
        table
        for table in project.tables
        if table.keyspace in wanted
        and (table.keyspace, table.table) not in unusable
        and (bases is None or (table.keyspace, table.table) in bases)
    ]
    steps: list[Step] = []
    for keyspace in target.keyspaces:
        if keyspace.name not in wanted:
            continue
        live = catalog.replications.get(keyspace.name)
        if keyspace.name not in catalog.keyspaces:
            steps.append(CreateKeyspace(keyspace=keyspace.name, cql=keyspace_cql(keyspace)))
        elif live is not None and _differs(keyspace, live, target):
            notes.append(
                f"keyspace {keyspace.name} differs from views.toml: its replication is {map_cql(live.replication)}, "
                f"not {map_cql(keyspace.replication)}; it was left as it is. This makes it so, and wants a full "
                f"repair after it: {keyspace_cql(keyspace, verb='ALTER')};"
            )
    for name in sorted(wanted & catalog.replications.keys()):
        notes += [
            f"keyspace {name}: {text}" for text in too_many_replicas(catalog.replications[name], target.data_centers)
        ]
    for table in tables:
        found = catalog.find_table(table.keyspace, table.table)
        if found is not None:
            notes += _table_notes(table, found)
        elif table.managed:
            steps.append(CreateTable(keyspace=table.keyspace, table=table.table, cql=table.cql))
    return steps


def refused_keyspaces(project: Project, catalog: Catalog, target: Target) -> dict[str, ViewsError]:
    """Return the error of each keyspace that is to be made and asks for what the cluster does not have."""
    found: dict[str, ViewsError] = {}
    for keyspace in target.keyspaces:
        if keyspace.name in project.keyspaces and keyspace.name not in catalog.keyspaces:
            try:
                refuse_new_keyspace(keyspace, target)
            except PreflightError as error:
                found[keyspace.name] = error
    return found


def refused_tables(project: Project, catalog: Catalog) -> dict[tuple[str, str], ViewsError]:
    """Return the error of each table that is to be made and breaks a rule of the server."""
    found: dict[tuple[str, str], ViewsError] = {}
    for table in project.tables:
        if catalog.find_table(table.keyspace, table.table) is None:
            try:
                raise_on_errors(table_findings(table), on=f"{table.keyspace}.{table.table}")
            except StatementError as error:
                found[table.keyspace, table.table] = error
    return found


def table_findings(table: TableDefinition) -> tuple[Finding, ...]:
    """Return what the server's rules for CREATE TABLE say of a table that this project makes; nothing of others."""
    statement = table_statement(table) if table.managed else None
    return lint_table(statement, file=table.place.file) if statement is not None else ()


def refuse_new_keyspace(keyspace: Keyspace, target: Target) -> None:
    """Refuse to make a keyspace that the server would refuse, or that could not be read and written.

    Raises:
        PreflightError: says what is wrong with its replication.
    """
    found = replication_refusals(keyspace, target.data_centers) if target.data_centers else ()
    if found:
        raise PreflightError(
            f"it cannot be made: {'; '.join(found)}",
            on=f"keyspace {keyspace.name}",
            next="Correct its replication for this environment in views.toml",
        )


def refuse_unreadable_keyspace(view: ViewName, catalog: Catalog, target: Target) -> None:
    """Refuse work in a keyspace of which a quorum can never answer: it asks for too many replicas.

    Raises:
        PreflightError: says how many replicas and nodes there are.
    """
    live = catalog.replications.get(view.keyspace)
    found = without_quorum(live, target.data_centers, target.local_dc) if live is not None else ()
    if live is not None and found:
        few = tuple(
            (key, str(min(int(value), target.data_centers.get(key, sum(target.data_centers.values())))))
            if value.isdigit()
            else (key, value)
            for key, value in live.replication
        )
        lowered = keyspace_cql(Keyspace(name=live.name, replication=few), verb="ALTER")
        raise PreflightError(
            f"the replication of keyspace {view.keyspace} asks for more nodes than there are, so that its views "
            f"could be neither checked nor read: {'; '.join(found)}",
            on=str(view),
            next=f"Add nodes, or lower its replication: {lowered};",
        )


def _differs(wanted: Keyspace, live: Keyspace, target: Target) -> bool:
    strategies = dict(wanted.replication)["class"], dict(live.replication)["class"]
    factors = [
        {name: count for name, count in each.factors(target.data_centers).items() if count} for each in (wanted, live)
    ]
    return len(set(strategies)) > 1 or factors[0] != factors[1]


def _table_notes(table: TableDefinition, live: TableShape) -> list[str]:
    statement = table_statement(table)
    if statement is None:
        return []
    name, file = f"{table.keyspace}.{table.table}", table.place.file
    notes = [
        f"table {name} differs from {file}: {difference}; it was left as it is"
        for difference in table_drift(statement, live)
    ]
    alters = alter_table_cql(statement, live)
    if alters:
        notes.append(f"this brings table {name} nearer to {file}: {' '.join(f'{each};' for each in alters)}")
    return notes
