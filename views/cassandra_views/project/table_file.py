"""A file under tables/: front matter and a CREATE TABLE, made into a definition."""

from __future__ import annotations

from cassandra_client.errors import Place
from cassandra_views.cql.parse import parse_table
from cassandra_views.cql.printing import table_cql
from cassandra_views.model.definition import TableDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest
from cassandra_views.model.statement import TableStatement
from cassandra_views.model.times import TimeColumn
from cassandra_views.project.frontmatter import SplitFile
from cassandra_views.project.matter import TableMatter


def read_table(parts: SplitFile, matter: TableMatter, text: str, keyspace: str, name: str) -> TableDefinition:
    """Return what a table's file says.

    Args:
        text: the rendered body, on the lines of its file.

    Raises:
        ProjectError: the statement lacks the time column, or is another table's; with file and line. The server's
            rules for CREATE TABLE are looked at where the table is to be made: they are no matter of one that exists.
    """
    statement = parse_table(text, file=parts.file) if text.strip() else None
    time = matter.time.time_column() if matter.time else None
    place = Place(file=parts.file, line=1)
    if statement is not None:
        _check_name(statement, keyspace, name, place)
        if time:
            column_place = Place(file=parts.file, line=parts.line_of("time", "column"))
            _check_time(time, statement, keyspace, column_place)
    elif matter.managed:
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
        managed=matter.managed,
        time=time,
        text=text if statement else "",
        cql=table_cql(statement, keyspace=keyspace, name=name) if statement else "",
        description=matter.description,
    )


def _check_name(statement: TableStatement, keyspace: str, name: str, place: Place) -> None:
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
