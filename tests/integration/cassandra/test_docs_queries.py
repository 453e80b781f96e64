"""The queries of docs/reference/tables.md, on a real registry's tables."""

from __future__ import annotations

import re

from cassandra.cluster import Session

from cassandra_views.registry.schema import table_statements
from tests.paths import ROOT

PAGE = ROOT / "docs" / "reference" / "tables.md"


def test_the_queries_of_the_page_run(session: Session, keyspace: str) -> None:
    for _table, cql in table_statements(keyspace):
        session.execute(cql)
    queries = re.findall(r"^```sql\n(.*?);\n```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(queries) >= 5
    for query in queries:
        assert query.startswith("SELECT ")
        session.execute(query.replace("views_registry", keyspace))
