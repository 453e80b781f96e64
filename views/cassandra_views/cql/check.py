"""The verdict of a server on CREATE MATERIALIZED VIEW, without a server."""

from __future__ import annotations

from cassandra_views.cql.findings import Finding, Findings
from cassandra_views.cql.parse import parse_view
from cassandra_views.cql.parser import ends_in_comment
from cassandra_views.cql.schema_state import Schema, limits_reported
from cassandra_views.cql.schema_text import read_schema
from cassandra_views.cql.schema_views import MARKERS, lint_view_on
from cassandra_views.model.errors import StatementError
from cassandra_views.model.statement import At

VIEW, SCHEMA = "view", "schema"
"""Which of the two texts a finding's place is in."""


def check(create_view_cql: str, schema_cql: str = "", *, views_per_table: int = -1) -> tuple[Finding, ...]:
    """Return what Cassandra 5.0 and cassandra-views would say of a view, without asking a server.

    Args:
        create_view_cql: one CREATE MATERIALIZED VIEW.
        schema_cql: the statements it stands on, each ended by ``;``: USE, CREATE, ALTER and DROP of keyspaces, types,
            tables, indexes and other views. A keyspace that one of them names is taken to exist.
        views_per_table: the cluster's ``materialized_views_per_table_fail_threshold``; -1, its default, is none.

    Returns:
        First what the server refuses (``kind`` REFUSED), in the order of its checks: the ``server_message`` of the
        first is its answer. Then the other findings in the order of the text. Places are in the files ``schema``
        and ``view``. Whatever the texts hold, nothing is raised.
    """
    schema, found = read_schema(schema_cql, file=SCHEMA, views_per_table=views_per_table)
    findings = Findings(VIEW)
    try:
        with limits_reported(findings, At(1, 1)):
            _lint(create_view_cql, schema, findings)
    except StatementError as error:
        at = At(error.place.line, error.place.column) if error.place else At()
        server = MARKERS if error.what.startswith("bind variables are not allowed") else None
        findings.add("CV133" if server else "CV001", error.what, at, error.next, server=server)
    return (*found, *findings.sorted())


def _lint(create_view_cql: str, schema: Schema, findings: Findings) -> None:
    statement = parse_view(create_view_cql, file=VIEW)
    if ends_in_comment(create_view_cql):
        at = At(create_view_cql.count("\n") + 1, 1)
        findings.add("CV001", "a comment ends the text without a line end after it", at, "End the line")
    lint_view_on(statement, schema, findings)
