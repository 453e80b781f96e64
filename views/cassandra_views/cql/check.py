"""The verdict of a server on CREATE MATERIALIZED VIEW, without a server."""

from __future__ import annotations

from cassandra_views.cql.findings import Finding, Findings
from cassandra_views.cql.lint import lint_grammar, lint_rules
from cassandra_views.cql.literals import UserNames
from cassandra_views.cql.parse import parse_view
from cassandra_views.cql.parser import ends_in_comment
from cassandra_views.cql.schema_text import NO_KEYSPACE, Schema, SchemaKeyspace, read_schema, unreadable_reported
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import At, ViewStatement

VIEW, SCHEMA = "view", "schema"
"""Which of the two texts a finding's place is in."""


def check(create_view_cql: str, schema_cql: str = "") -> tuple[Finding, ...]:
    """Return what Cassandra 5.0 and cassandra-views would say of a view, without asking a server.

    Args:
        create_view_cql: one CREATE MATERIALIZED VIEW.
        schema_cql: the statements it stands on, each ended by ``;``: USE, CREATE and ALTER of types, tables and
            indexes, other views. A keyspace that one of them names is taken to exist.

    Returns:
        First what the server refuses (``kind`` REFUSED), in the order of its checks: the ``server_message`` of the
        first is its answer. Then the other findings in the order of the text. Places are in the files ``schema``
        and ``view``. Whatever the texts hold, nothing is raised.
    """
    schema, found = read_schema(schema_cql, file=SCHEMA)
    findings = Findings(VIEW)
    try:
        with unreadable_reported(findings, "CV001", At(1, 1)):
            _lint(create_view_cql, schema, findings)
    except StatementError as error:
        at = At(error.place.line, error.place.column) if error.place else At()
        server = _MARKERS if error.what.startswith("bind variables are not allowed") else None
        findings.add("CV133" if server else "CV001", error.what, at, error.next, server=server)
    return (*found, *findings.sorted())


def _lint(create_view_cql: str, schema: Schema, findings: Findings) -> None:
    statement = parse_view(create_view_cql, file=VIEW)
    if ends_in_comment(create_view_cql):
        at = At(create_view_cql.count("\n") + 1, 1)
        findings.add("CV001", "a comment ends the text without a line end after it", at, "End the line")
    lint_grammar(statement, findings)
    _lint_markers(statement, findings)
    base = _lint_place(statement, schema, findings)
    keyspace = schema.keyspaces.get(base.keyspace) if base is not None else None
    lint_rules(statement, base, _names(keyspace), findings)


def _names(keyspace: SchemaKeyspace | None) -> UserNames:
    if keyspace is None:
        return UserNames(functions=frozenset())
    return UserNames(types=keyspace.types, functions=frozenset(keyspace.functions))


_MARKERS = "Bind variables are not allowed in CREATE MATERIALIZED VIEW statements"


def _lint_markers(statement: ViewStatement, findings: Findings) -> None:
    for relation in statement.where:
        if relation.bounds:
            fix = "Write a literal; a view's moving time bound comes from in_window() in its template"
            findings.add("CV133", _MARKERS, relation.at, fix, server=_MARKERS)


def _lint_place(statement: ViewStatement, schema: Schema, findings: Findings) -> TableShape | None:
    """Report a keyspace, base or name that cannot be; return the base as far as there is one."""
    keyspace = statement.keyspace or schema.session
    if keyspace is None:
        fix = "Write keyspace.view, or USE a keyspace before"
        findings.add("CV131", NO_KEYSPACE, statement.at, fix, server=NO_KEYSPACE)
        keyspace = statement.base_keyspace
    if keyspace is None:
        return None
    if statement.base_keyspace not in (None, keyspace):
        what = "Cannot create a materialized view on a table in a different keyspace"
        fix = "Create the view in the keyspace of its base"
        if statement.keyspace is None:
            findings.add("CV103", what, statement.base_at, fix, server=what)
        return schema.keyspace(statement.base_keyspace or "").tables.get(statement.base)
    home = schema.keyspaces.get(keyspace)
    if home is None:
        what = f"Keyspace '{keyspace}' doesn't exist"
        findings.add("CV131", what, statement.at, "Create the keyspace before", server=what)
        return None
    base = home.tables.get(statement.base)
    if base is None:
        what = f"Base table '{statement.base}' doesn't exist"
        fix = "A view stands on a table, not on a view" if statement.base in home.views else "Create the table before"
        findings.add("CV131", what, statement.base_at, fix, server=what)
    if statement.view in home.tables:
        what = f"Cannot create materialized view '{statement.view}' - a table with the same name already exists"
        findings.add("CV130", what, statement.at, "Choose another name", server=what)
    if statement.view in home.views and not statement.if_not_exists:
        what = f'Cannot add already existing table "{statement.view}" to keyspace "{keyspace}"'
        findings.add("CV130", what, statement.at, "Choose another name, or drop the other view", server=what)
    return base
