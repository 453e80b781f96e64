"""A view on the schema that other statements left: what the server refuses of it, the names and bases included."""

from __future__ import annotations

from cassandra_views.cql.findings import Findings, Kind
from cassandra_views.cql.lint import lint_grammar, lint_rules
from cassandra_views.cql.literals import UserNames
from cassandra_views.cql.parse import parse_view
from cassandra_views.cql.schema_state import NO_KEYSPACE, Schema, SchemaKeyspace, SchemaStatement, keyspace_refusal
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import ViewStatement

MARKERS = "Bind variables are not allowed in CREATE MATERIALIZED VIEW statements"
"""The server's words about a bind variable."""


def create_view(statement: SchemaStatement) -> None:
    """Read a CREATE MATERIALIZED VIEW; report why it is refused, or how it harms the server."""
    view = parse_view(statement.text, file=statement.file)
    statement.words.skip()
    findings = Findings(statement.file)
    is_made = lint_view_on(view, statement.schema, findings)
    found = [one for one in findings.sorted() if one.kind in (Kind.REFUSED, Kind.HARMFUL)]
    statement.found += found
    if is_made and not any(one.kind is Kind.REFUSED for one in found):
        home, _keyspace, name = statement.resolve((view.keyspace, view.view))
        home.views[name] = view


def lint_view_on(view: ViewStatement, schema: Schema, findings: Findings) -> bool:
    """Report what is wrong with a view; tell whether the server would make one at all."""
    lint_grammar(view, findings)
    _lint_markers(view, findings)
    home, base = _lint_place(view, schema, findings)
    if home is not None and base is not None:
        if view.view in home.views and view.if_not_exists:
            what = f"a view '{view.view}' exists: the server takes the statement and does nothing"
            findings.add("CV102", what, view.at, "Take IF NOT EXISTS out, or choose another name")
            return False
        _lint_names(view, home, base, schema, findings)
    lint_rules(view, base, user_names(home if base is not None else None), findings)
    return True


def user_names(keyspace: SchemaKeyspace | None) -> UserNames:
    """Return what users named in a keyspace; of one that is not known that there is nothing."""
    if keyspace is None:
        return UserNames(functions=frozenset())
    functions = frozenset(name for name, _arguments in keyspace.functions)
    scalar = {name for (name, _arguments), function in keyspace.functions.items() if not function.is_aggregate}
    return UserNames(types=keyspace.types, functions=functions, aggregates=functions - scalar)


def _lint_markers(view: ViewStatement, findings: Findings) -> None:
    for relation in view.where:
        if relation.bounds:
            fix = "Write a literal; a view's moving time bound comes from in_window() in its template"
            findings.add("CV133", MARKERS, relation.at, fix, server=MARKERS)


def _lint_place(
    view: ViewStatement, schema: Schema, findings: Findings
) -> tuple[SchemaKeyspace | None, TableShape | None]:
    """Report a keyspace or base that cannot be; return both as far as there are any."""
    keyspace = view.keyspace or schema.session
    if keyspace is None:
        fix = "Write keyspace.view, or USE a keyspace before"
        findings.add("CV131", NO_KEYSPACE, view.at, fix, server=NO_KEYSPACE)
        keyspace = view.base_keyspace
    if keyspace is None:
        return None, None
    if view.base_keyspace not in (None, keyspace):
        what = "Cannot create a materialized view on a table in a different keyspace"
        fix = "Create the view in the keyspace of its base"
        if view.keyspace is None:
            findings.add("CV103", what, view.base_at, fix, server=what)
        home = schema.keyspaces.get(view.base_keyspace or "")
        return home, home.tables.get(view.base) if home else None
    if refusal := keyspace_refusal(keyspace):
        findings.add("CV131", refusal, view.at, "Choose another keyspace", server=refusal)
    found = schema.keyspaces.get(keyspace)
    if found is None:
        what = f"Keyspace '{keyspace}' doesn't exist"
        findings.add("CV131", what, view.at, "Create the keyspace before", server=what)
        return None, None
    if found.has_transient_replicas:
        what = "Materialized views are not supported on transiently replicated keyspaces"
        findings.add("CV135", what, view.at, "Give the keyspace full replicas alone", server=what)
    base = found.tables.get(view.base)
    if base is None:
        what = f"Base table '{view.base}' doesn't exist"
        fix = "A view stands on a table, not on a view" if view.base in found.views else "Create the table before"
        findings.add("CV131", what, view.base_at, fix, server=what)
    return found, base


def _lint_names(
    view: ViewStatement, home: SchemaKeyspace, base: TableShape, schema: Schema, findings: Findings
) -> None:
    """Report a name that is taken, and a table that has as many views as it may."""
    if view.view in home.tables:
        what = f"Cannot create materialized view '{view.view}' - a table with the same name already exists"
        findings.add("CV130", what, view.at, "Choose another name", server=what)
    if view.view in home.views:
        what = f'Cannot add already existing table "{view.view}" to keyspace "{base.keyspace}"'
        findings.add("CV130", what, view.at, "Choose another name, or drop the other view", server=what)
    limit = schema.views_per_table
    if limit >= 0 and len(home.views_of(base.name)) >= limit and not base.is_counter:
        what = f"Tables cannot have more than {limit} materialized views, aborting the creation of materialized view"
        what = f"Guardrail materialized_views_per_table violated: {what} {view.view} on table {base.name}"
        fix = "Drop another view, or raise materialized_views_per_table_fail_threshold on every node"
        findings.add("CV134", what, view.at, fix, server=what)
