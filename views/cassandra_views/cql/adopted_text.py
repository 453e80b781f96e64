"""The text of an adopted statement: its template, and the statement of a table that is known by its shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cassandra_views.cql.printing import table_cql
from cassandra_views.cql.statement_source import StatementSource, escaped
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import Call, ColumnDeclaration, Option, TableStatement


def template_of(source: StatementSource, *, base: str = "", comments: Iterable[str] = ()) -> str:
    """Return the template of a statement, below comments that stood elsewhere; of a view with its base."""
    source.rename("{{ view }}", f"{{{{ base('{base}') }}}}") if base else source.rename("{{ table }}")
    return "\n".join([*map(escaped, comments), source.edited(is_template=True)]) + "\n"


def altered_cql(shape: TableShape, made: TableStatement) -> str:
    """Return the statement that creates a table as later statements left it."""
    statement = statement_of_shape(
        shape,
        columns=shape.columns,
        options=(Option(name=name, value=value) for name, value in shape.options),
        masks={column.name: column.mask for column in made.columns},
        if_not_exists=made.if_not_exists,
        is_compact=made.is_compact,
    )
    return table_cql(statement, keyspace=shape.keyspace)


def statement_of_shape(
    shape: TableShape,
    *,
    columns: Iterable[Column],
    options: Iterable[Option],
    masks: Mapping[str, Call | None] = MappingProxyType({}),
    if_not_exists: bool = False,
    is_compact: bool = False,
) -> TableStatement:
    """Return the statement that creates a table, with its columns in this order."""
    clustering = shape.clustering
    descending = any(column.is_descending for column in clustering)
    return TableStatement(
        table=shape.name,
        columns=tuple(
            ColumnDeclaration(
                name=column.name,
                type=column.type,
                # The columns of a compact table are static to the server, and not in its statement.
                is_static=column.kind is ColumnKind.STATIC and not is_compact,
                mask=masks.get(column.name),
            )
            for column in columns
        ),
        partition_key=tuple(column.name for column in shape.partition_key),
        clustering=tuple(column.name for column in clustering),
        clustering_order=tuple((one.name, one.is_descending) for one in clustering) if descending else (),
        options=tuple(options),
        keyspace=shape.keyspace,
        if_not_exists=if_not_exists,
        is_compact=is_compact,
    )
