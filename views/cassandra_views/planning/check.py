"""A definition against its base table, before any server is asked. Pure."""

from __future__ import annotations

import hashlib

from cassandra_client.errors import Place
from cassandra_views.cql.drift import alter_table_cql
from cassandra_views.cql.findings import raise_on_errors
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.statements import table_shape, table_statement, view_statement
from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.errors import ProjectError, StatementError
from cassandra_views.model.names import ViewName, nearest
from cassandra_views.model.schema import Catalog, TableShape
from cassandra_views.model.statement import ViewStatement


class Checker:
    """Checks definitions of one project against the tables of one catalog.

    Args:
        passed: marks of definitions and tables that were found to fit, in this run or another; new ones
            are added. The same text on the same table is not looked at twice.
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
                next=f"Name the table below it: {{{{ base('{under or 'table'}') }}}}",
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
