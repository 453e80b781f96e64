"""Keyspaces and base tables: made where missing, never altered; definitions are checked against theirs. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from cassandra_client.errors import Place, ViewsError
from cassandra_views.cql.drift import alter_table_cql, table_drift
from cassandra_views.cql.findings import Finding, raise_on_errors
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.lint_tables import lint_table
from cassandra_views.cql.printing import keyspace_cql, map_cql
from cassandra_views.cql.statements import table_shape, table_statement, view_statement
from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.errors import PreflightError, ProjectError, StatementError
from cassandra_views.model.names import ViewName, nearest
from cassandra_views.model.schema import (
    Catalog,
    Keyspace,
    TableShape,
    centers_without_replicas,
    replication_refusals,
    too_many_replicas,
    without_quorum,
)
from cassandra_views.model.statement import ViewStatement
from cassandra_views.model.steps import CreateKeyspace, CreateTable, Step
from cassandra_views.plan.inputs import PlanTarget


def base_steps(
    project: Project,
    catalog: Catalog,
    target: PlanTarget,
    bases: set[tuple[str, str]] | None,
    notes: list[str],
    *,
    unusable: Collection[str | tuple[str, str]] = (),
) -> Iterable[Step]:
    """Return what creates keyspaces and base tables that are missing.

    Args:
        bases: limits it to some tables; None is all.
        notes: gets a sentence for each difference between what exists and what is described.
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


def refused_keyspaces(project: Project, catalog: Catalog, target: PlanTarget) -> dict[str, ViewsError]:
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


def refuse_new_keyspace(keyspace: Keyspace, target: PlanTarget) -> None:
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


def refuse_unreadable_keyspace(view: ViewName, catalog: Catalog, target: PlanTarget) -> None:
    """Refuse work in a keyspace of which a quorum can never answer: it asks for too many replicas, or has none here.

    Raises:
        PreflightError: says how many replicas and nodes there are.
    """
    live = catalog.replications.get(view.keyspace)
    if live is not None and target.local_dc in centers_without_replicas(live, target.data_centers):
        raise PreflightError(
            f"keyspace {view.keyspace} has no replica in {target.local_dc}, which local_dc names, so that its views "
            "could be neither checked nor read",
            on=str(view),
            next=f"Give it replicas there, or set local_dc to another of {', '.join(sorted(target.data_centers))}",
        )
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


def _differs(wanted: Keyspace, live: Keyspace, target: PlanTarget) -> bool:
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


class DefinitionChecker:
    """Checks definitions of one project against the tables of one catalog.

    Args:
        passed: marks of definitions and tables that were found to fit, in this run or another; new ones
            are added. The same text on the same table is not checked twice.
    """

    def __init__(self, project: Project, catalog: Catalog, passed: set[str] | None = None) -> None:
        self._catalog = catalog
        self._tables = {(table.keyspace, table.table): table for table in project.tables}
        self._views = {(view.name.keyspace, view.name.view) for view in project.views}
        self._passed = set() if passed is None else passed
        self._shapes: dict[tuple[str, str], tuple[TableShape, bytes] | None] = {}

    def check(self, definition: ViewDefinition) -> None:
        """Refuse a definition whose base is missing, or that the server would refuse or be harmed by.

        Raises:
            ProjectError: there is no such table.
            StatementError: the first rule that it breaks, with its place.
        """
        found = self._base(definition.name.keyspace, definition.base)
        if found is None:
            raise self._missing(definition)
        base, mark = found
        text = f"{definition.place.file}\0{definition.text}".encode()
        passed = hashlib.blake2b(text, digest_size=16, key=mark).hexdigest()
        if passed in self._passed:
            return
        statement = view_statement(definition)
        self._refuse_unadded(definition, statement, base)
        findings = lint_view(statement, base, file=definition.place.file)
        raise_on_errors(findings, on=str(definition.name))
        self._passed.add(passed)

    def find_base(self, keyspace: str, table: str) -> TableShape | None:
        """Return the base table's shape: the live one, or that of a file whose table is still to be created."""
        found = self._base(keyspace, table)
        return found[0] if found else None

    def _base(self, keyspace: str, table: str) -> tuple[TableShape, bytes] | None:
        key = (keyspace, table)
        if key not in self._shapes:
            shape = self._catalog.find_table(keyspace, table)
            file = self._tables.get(key)
            if shape is None and file is not None and file.managed:
                shape = table_shape(file)
            # A repr of frozen dataclasses of texts and enums: equal for equal shapes, whatever the run.
            mark = hashlib.blake2b(repr(shape).encode(), digest_size=32).digest()
            self._shapes[key] = (shape, mark) if shape is not None else None
        return self._shapes[key]

    def _refuse_unadded(self, definition: ViewDefinition, statement: ViewStatement, base: TableShape) -> None:
        """Refuse a column that the table's file has and the table on the cluster lacks; say which ALTER adds it."""
        file = self._tables.get((definition.name.keyspace, definition.base))
        declared = table_statement(file) if file is not None else None
        if file is None or declared is None:
            return
        known = {column.name for column in declared.columns if column.name not in declared.key}
        named = [*statement.columns, *statement.key, *(name for one in statement.where for name in one.columns)]
        lacking = [name for name in dict.fromkeys(named) if name in known and base.find_column(name) is None]
        if not lacking:
            return
        at = next((item.at for item in statement.selected if item.column in lacking), statement.at)
        alters = alter_table_cql(declared, base)
        is_one = len(lacking) == 1
        raise StatementError(
            f"{'column' if is_one else 'columns'} {', '.join(lacking)} {'is' if is_one else 'are'} in "
            f"{file.place.file} and not in table {base} on the cluster",
            on=str(definition.name),
            place=Place(file=definition.place.file, line=at.line, column=at.column),
            next=f"Run {' '.join(f'{each};' for each in alters)} (a table is never altered by this program), "
            "then run the command again",
        )

    def _missing(self, definition: ViewDefinition) -> ProjectError:
        keyspace = definition.name.keyspace
        live = self._catalog.views.get((keyspace, definition.base))
        generations = self._catalog.generations_of(ViewName(keyspace=keyspace, view=definition.base))
        if live is not None or generations or (keyspace, definition.base) in self._views:
            under = live.base if live else generations[0].base if generations else None
            return ProjectError(
                f"its base {keyspace}.{definition.base} is a materialized view, and Cassandra makes none on another",
                on=str(definition.name),
                place=definition.place,
                next=f"Use its base table instead: {{{{ base('{under or 'table'}') }}}}",
            )
        known = [name for space, name in self._catalog.tables if space == keyspace]
        known += [name for space, name in self._tables if space == keyspace and name not in known]
        where = "there is no such table"
        if keyspace not in self._catalog.keyspaces:
            where = f"keyspace {keyspace} does not exist"
        elif (keyspace, definition.base) in self._tables:
            where = "it has a file, and that does not say managed: true"
        guess = nearest(definition.base, [name for name in known if name != definition.base])
        return ProjectError(
            f"the base table {keyspace}.{definition.base} is missing ({where}{guess})",
            on=str(definition.name),
            place=definition.place,
            next="Create the table, correct base(...), or describe it in tables/ with managed: true",
        )


def find_table(project: Project, keyspace: str, table: str) -> TableDefinition | None:
    """Return the file of a base table, or None."""
    return next((each for each in project.tables if (each.keyspace, each.table) == (keyspace, table)), None)
