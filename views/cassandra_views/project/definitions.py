"""From the parts of a file, front matter and statement, to the definition of its view or table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from cassandra_client.errors import Place
from cassandra_client.names import quoted
from cassandra_views.cql.findings import raise_on_errors
from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import relation_cql, table_cql
from cassandra_views.cql.statements import table_shape
from cassandra_views.model.definition import DEFAULT_MIN_ROWS_PERCENT, TableDefinition, ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.lag import LagPolicy, find_unmet, is_probe_type
from cassandra_views.model.names import NAME_LIMIT, ViewName, is_word, nearest
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import TableStatement, ViewStatement
from cassandra_views.model.times import TimeColumn, duration_text
from cassandra_views.project.front_matter import SplitFile
from cassandra_views.project.project_folder import FILE_SUFFIX
from cassandra_views.project.schemas import TableFrontMatter, ViewFrontMatter


class TemplateUse:
    """What one view's template named: its base table and its window."""

    def __init__(self, name: ViewName, tables: Mapping[tuple[str, str], TableDefinition]) -> None:
        self._name, self._tables = name, tables
        self._base: str | None = None
        self.is_windowed = False

    @property
    def table(self) -> tuple[str, str] | None:
        """The base table's keyspace and name, as far as the template named it."""
        return (self._name.keyspace, self._base) if self._base is not None else None

    def base(self, table: str) -> str:
        """Name the base table: its quoted name in the view's keyspace."""
        if not isinstance(table, str) or not table:
            raise ValueError("base() takes the base table's name: {{ base('table') }}")
        if self._base not in (None, table):
            raise ValueError(f"base() is given two tables, {self._base} and {table}: a view has one")
        self._base = table
        return f"{quoted(self._name.keyspace)}.{quoted(table)}"

    def in_window(self) -> str:
        """Stand for the view's window: the time column at or after its start."""
        if self._base is None:
            raise ValueError("in_window() needs to know the base table: write FROM {{ base('table') }} before it")
        table = self._tables.get((self._name.keyspace, self._base))
        if table is None or table.time is None:
            known = [name for space, name in self._tables if space == self._name.keyspace]
            hint = nearest(self._base, known) if table is None else ""
            raise ValueError(
                f"in_window() needs the time column of {self._base}: name it under 'time:' in "
                f"tables/{self._base}{FILE_SUFFIX}{hint}"
            )
        self.is_windowed = True
        return f"{quoted(table.time.name)} >= :window_start"


def check_name(name: ViewName, file: str) -> None:
    """Refuse a view's name that no generation could carry.

    Raises:
        ProjectError: it is too long, or holds more than word characters.
    """
    if not is_word(name.view):
        what = f"'{name.view}' cannot be a view's name: servers take only letters, digits and underscores"
    elif len(name.view) > NAME_LIMIT:
        what = f"the view's name has {len(name.view)} characters, and {NAME_LIMIT} are possible"
    else:
        return
    raise ProjectError(what, on=str(name), place=Place(file=file), next="Rename the file")


def read_view(
    parts: SplitFile,
    front_matter: ViewFrontMatter,
    text: str,
    name: ViewName,
    used: TemplateUse,
    tables: Mapping[tuple[str, str], TableDefinition],
    reader_cache: timedelta,
) -> ViewDefinition:
    """Return what a view's file says.

    Args:
        text: the rendered body, on the lines of its file.
        used: what the body's rendering named.
        reader_cache: how long readers keep what they know; a view's grace is at least twice that.

    Raises:
        ProjectError: the statement, or how it is to be kept, breaks a rule; with file and line.
    """
    statement = parse_view(text, file=parts.file)
    place = Place(file=parts.file, line=1)
    raise_on_errors(lint_view(statement, None, file=parts.file), on=str(name))
    _check_statement(statement, name, place)
    table = tables.get((name.keyspace, statement.base))
    is_inherited = statement.inherits_order
    statement = statement.ordered_like(table_shape(table))
    view = ViewDefinition(
        name=name,
        base=statement.base,
        text=text,
        version=fingerprint(name.keyspace, statement),
        place=place,
        inherited_order=statement.clustering_order if is_inherited else (),
        window=front_matter.window.window() if front_matter.window else None,
        time=table.time if table else None,
        strategy=front_matter.strategy,
        grace=front_matter.grace,
        max_lag=front_matter.max_lag,
        lag=front_matter.lag.policy() if front_matter.lag else LagPolicy(),
        min_rows_percent=DEFAULT_MIN_ROWS_PERCENT
        if front_matter.min_rows_percent is None
        else front_matter.min_rows_percent,
        renamed_from=front_matter.renamed_from,
        description=front_matter.description,
        owner=front_matter.owner,
        tags=front_matter.tags,
    )
    _check_window(view, parts, used)
    _check_keeping(view, parts, reader_cache)
    _check_probe(view, statement, table_shape(table), parts)
    return view


def _check_probe(view: ViewDefinition, statement: ViewStatement, base: TableShape | None, parts: SplitFile) -> None:
    named = {name for name, _value in view.lag.probe}
    if not named:
        return
    place = Place(file=parts.file, line=parts.line_of("lag", "probe", "key"))
    if named != set(statement.key):
        raise ProjectError(
            f"'lag.probe.key' names {', '.join(sorted(named))}, and the view's key is {', '.join(statement.key)}",
            on=str(view.name),
            place=place,
            next="Name each column of the view's key once, with a value that no application uses",
        )
    types = {} if base is None else {column.name: column.type for column in base}
    for name in sorted(named):
        if not is_probe_type(types.get(name, "")):
            raise ProjectError(
                f"'lag.probe.key' can give no value of '{name}', which is a {types[name]}",
                on=str(view.name),
                place=place,
                next="Take 'probe' out: the lag is measured by a sample then",
            )
    unmet = find_unmet(statement.where, view.lag.probe, types)
    if unmet is not None:
        raise ProjectError(
            f"a row of 'lag.probe.key' does not meet '{relation_cql(unmet)}', so the view never shows it",
            on=str(view.name),
            place=place,
            next="Choose values that meet the view's WHERE and that no application uses, or take 'probe' out",
        )


def _check_statement(statement: ViewStatement, name: ViewName, place: Place) -> None:
    if statement.view != name.view or (statement.keyspace or name.keyspace) != name.keyspace:
        found = f"{statement.keyspace or name.keyspace}.{statement.view}"
        raise ProjectError(
            f"the statement creates {found}, and the file is that of {name}",
            on=str(name),
            place=place,
            next="Write CREATE MATERIALIZED VIEW {{ view }}, or rename the file",
        )
    if (statement.base_keyspace or name.keyspace) != name.keyspace:
        raise ProjectError(
            f"the base table is in the keyspace {statement.base_keyspace}; the server takes a view and its "
            "base only in one",
            on=str(name),
            place=place,
            next="Write FROM {{ base('table') }}",
        )


def _check_window(view: ViewDefinition, parts: SplitFile, used: TemplateUse) -> None:
    window, time = view.window, view.time
    if window is None and used.is_windowed:
        raise ProjectError(
            "the statement uses in_window(), and the front matter has no window",
            on=str(view.name),
            place=view.place,
            next="Add 'window: {last: 28 days, step: 1 day}', or take in_window() out to cover the whole base",
        )
    if window is not None and not used.is_windowed:
        raise ProjectError(
            "the front matter has a window, and the statement does not use it",
            on=str(view.name),
            place=Place(file=parts.file, line=parts.line_of("window")),
            next="Write {{ in_window() }} into WHERE, or take 'window' out to cover the whole base",
        )
    if window is None and view.max_lag is not None:
        raise ProjectError(
            "the front matter has max_lag, and no window: nothing slides that could be late",
            on=str(view.name),
            place=Place(file=parts.file, line=parts.line_of("max_lag")),
            next="Add a window, or take 'max_lag' out",
        )
    if window and time and time.grain and window.step % time.grain:
        raise ProjectError(
            f"the step ({duration_text(window.step)}) is no multiple of the grain of {view.base} "
            f"({duration_text(time.grain)})",
            on=str(view.name),
            place=Place(file=parts.file, line=parts.line_of("window", "step")),
            next=f"Choose a step that is, such as {duration_text(time.grain)}",
        )


def _check_keeping(view: ViewDefinition, parts: SplitFile, reader_cache: timedelta) -> None:
    if view.grace < 2 * reader_cache:
        raise ProjectError(
            f"its grace ({duration_text(view.grace)}) is less than twice the time readers keep what they know "
            f"({duration_text(reader_cache)})",
            on=str(view.name),
            place=Place(file=parts.file, line=parts.line_of("grace")),
            next="Choose a longer grace, or a shorter reader_cache_seconds in views.toml",
        )


def read_table(
    parts: SplitFile, front_matter: TableFrontMatter, text: str, keyspace: str, name: str
) -> TableDefinition:
    """Return what a table's file says.

    Args:
        text: the rendered body, on the lines of its file.

    Raises:
        ProjectError: the statement lacks the time column, or is another table's; with file and line. The server's
            rules for CREATE TABLE are checked only where the table is to be created.
    """
    statement = parse_table(text, file=parts.file) if text.strip() else None
    time = front_matter.time.time_column() if front_matter.time else None
    place = Place(file=parts.file, line=1)
    if statement is not None:
        _check_table_name(statement, keyspace, name, place)
        if time:
            column_place = Place(file=parts.file, line=parts.line_of("time", "column"))
            _check_time(time, statement, keyspace, column_place)
    elif front_matter.managed:
        raise ProjectError(
            "a managed table needs its CREATE TABLE statement",
            on=f"{keyspace}.{name}",
            place=Place(file=parts.file, line=parts.line_of("managed")),
            next="Add the statement, or remove 'managed: true'",
        )
    return TableDefinition(
        keyspace=keyspace,
        table=name,
        place=place,
        managed=front_matter.managed,
        time=time,
        text=text if statement else "",
        cql=table_cql(statement, keyspace=keyspace, name=name) if statement else "",
        description=front_matter.description,
    )


def _check_table_name(statement: TableStatement, keyspace: str, name: str, place: Place) -> None:
    if statement.table != name or (statement.keyspace or keyspace) != keyspace:
        found = f"{statement.keyspace or keyspace}.{statement.table}"
        raise ProjectError(
            f"the statement creates {found}, and the file is that of {keyspace}.{name}",
            on=f"{keyspace}.{name}",
            place=place,
            next="Write CREATE TABLE {{ table }}, or rename the file",
        )


def _check_time(time: TimeColumn, statement: TableStatement, keyspace: str, place: Place) -> None:
    shape = statement.shape(keyspace)
    column = shape.find_column(time.name)
    if column is not None and column.type in time.kind.cql_types:
        return
    what = f"has the type {column.type}" if column else "is not in the table"
    hint = "" if column else nearest(time.name, [each.name for each in shape.columns])
    raise ProjectError(
        f"the time column '{time.name}' {what}{hint}",
        on=str(shape),
        place=place,
        next=f"Time held as {time.kind.value} needs a column of type {' or '.join(time.kind.cql_types)}",
    )
