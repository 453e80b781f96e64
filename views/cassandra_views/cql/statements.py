"""The statements of definitions: a definition carries its text, which is parsed when somebody needs it.

A plan of files that have not changed needs none of them, and parsing a thousand takes seconds.
"""

from __future__ import annotations

from functools import lru_cache

from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.model.definition import TableDefinition, ViewDefinition
from cassandra_views.model.statement import TableStatement, ViewStatement
from cassandra_views.model.table import TableShape


def view_statement(definition: ViewDefinition) -> ViewStatement:
    """Return what the view's file creates."""
    return parsed_view(definition.text, definition.place.file)


def table_statement(definition: TableDefinition) -> TableStatement | None:
    """Return what the table's file creates, None where it holds no statement."""
    return parsed_table(definition.text, definition.place.file) if definition.text.strip() else None


def table_shape(definition: TableDefinition | None) -> TableShape | None:
    """Return the shape that a table's file says, None where it says none."""
    statement = table_statement(definition) if definition is not None else None
    return statement.shape(definition.keyspace) if definition and statement else None


@lru_cache(maxsize=4096)
def parsed_view(text: str, file: str) -> ViewStatement:
    """Parse a view's rendered text, once for each text.

    Raises:
        StatementError: it does not parse.
    """
    return parse_view(text, file=file)


@lru_cache(maxsize=1024)
def parsed_table(text: str, file: str) -> TableStatement:
    """Parse a table's rendered text, once for each text.

    Raises:
        StatementError: it does not parse.
    """
    return parse_table(text, file=file)
