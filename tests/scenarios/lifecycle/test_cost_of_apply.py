"""What an apply asks of the cluster grows with the views, not with their square."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.scenarios.lifecycle.workshop import Workshop


class CountingSession:
    """A session that counts the statements sent through it, and those that read a whole keyspace's schema."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        self._count(statement)
        return self._session.execute(statement, *args, **options)

    def execute_async(self, statement: Any, *args: Any, **options: Any) -> Any:
        self._count(statement)
        return self._session.execute_async(statement, *args, **options)

    def _count(self, statement: Any) -> None:
        self.counts["all"] += 1
        prepared = getattr(statement, "prepared_statement", None)
        text = prepared.query_string if prepared else getattr(statement, "query_string", "")
        if "FROM system_schema.columns" in text and "_name = ? AND" not in text:
            self.counts["whole schema"] += 1


def _counts(workshop: Workshop, names: list[str]) -> Counter[str]:
    """Apply new views, and return what that sent."""
    for name in names:
        workshop.write_view(
            name,
            "CREATE MATERIALIZED VIEW {{ view }} AS SELECT v, k FROM {{ base('small') }} "
            "WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)",
        )
    session = CountingSession(workshop.session)
    workshop.manager(session).apply()
    return session.counts


def test_more_views_read_the_whole_schema_no_more_often(workshop: Workshop) -> None:
    workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.small (k int PRIMARY KEY, v int)")
    assert _counts(workshop, ["a"])["whole schema"] >= 1  # the registry may have to be made, too
    few, more = _counts(workshop, ["b", "c"]), _counts(workshop, [*"defghi"])
    assert few["whole schema"] == more["whole schema"]
