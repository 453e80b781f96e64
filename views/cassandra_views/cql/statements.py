"""The statements of definitions: a definition carries its text, which is parsed when somebody needs it.

A plan of files that have not changed needs none of them, and parsing a thousand takes seconds.
"""

from __future__ import annotations

from dataclasses import replace

from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.schema import Catalog, TableShape
from cassandra_views.model.statement import TableStatement, ViewStatement, order_from


def view_statement(definition: ViewDefinition) -> ViewStatement:
    """Return what the view's file creates, with the clustering order that it leaves to its base."""
    statement = parse_view(definition.text, file=definition.place.file)
    if not definition.inherited_order:
        return statement
    return replace(statement, clustering_order=definition.inherited_order)


def complete_project(project: Project, catalog: Catalog) -> Project:
    """Return the project with what its views inherit from their bases as these are on the cluster.

    What a base gives is part of a view's version; the files alone know only the bases that they describe.
    """
    files = {(table.keyspace, table.table): table for table in project.tables}

    def find_base(view: ViewDefinition) -> TableShape | None:
        live = catalog.find_table(view.name.keyspace, view.base)
        return live or table_shape(files.get((view.name.keyspace, view.base)))

    views = tuple(complete_view(view, find_base(view)) if view.inherited_order else view for view in project.views)
    return project if views == project.views else replace(project, views=views)


def complete_view(definition: ViewDefinition, base: TableShape | None) -> ViewDefinition:
    """Return the definition with what it inherits from this base."""
    if base is None or not definition.inherited_order:
        return definition
    order = order_from(base, (name for name, _ in definition.inherited_order))
    if order == definition.inherited_order:
        return definition
    found = replace(definition, inherited_order=order)
    return replace(found, version=fingerprint(found.name.keyspace, view_statement(found)))


def table_statement(definition: TableDefinition) -> TableStatement | None:
    """Return what the table's file creates, None where it holds no statement."""
    return parse_table(definition.text, file=definition.place.file) if definition.text.strip() else None


def table_shape(definition: TableDefinition | None) -> TableShape | None:
    """Return the shape that a table's file says, None where it says none."""
    statement = table_statement(definition) if definition is not None else None
    return statement.shape(definition.keyspace) if definition and statement else None
