"""The upgrade of each stored registry has just the columns of a new one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.model.schema import ColumnKind
from cassandra_views.registry.schema import SCHEMA_NUMBER, table_statements, upgrade_statements
from tests.paths import ROOT

FILES = {int(path.stem.removeprefix("schema_")): path for path in (ROOT / "tests" / "releases").glob("schema_*.cql")}


Columns = dict[str, tuple[str, ColumnKind]]


def columns(cql: str) -> Columns:
    """Return type and kind by column of a CREATE TABLE."""
    return {each.name: (each.type, each.kind) for each in parse_table(cql).shape("any")}


def added(cql: str) -> Columns:
    """Return type and kind of what an ALTER TABLE adds."""
    more = cql.partition("(")[2].removesuffix(")")
    found = columns(f"CREATE TABLE t (a int, b int, {more}, PRIMARY KEY (a, b))")
    return {name: value for name, value in found.items() if name not in ("a", "b")}


def statements(path: Path) -> dict[str, str]:
    """Return the CREATE TABLE of each of the registry's tables in a file, by name."""
    texts = (text.strip() for text in path.read_text(encoding="utf-8").split(";\n"))
    created = ((re.match(r"CREATE TABLE release_\d+_registry\.(\w+) ", text), text) for text in texts)
    return {found[1]: text for found, text in created if found}


@pytest.mark.parametrize("number", sorted(FILES))
def test_a_version_that_a_former_program_gave_is_the_same_today(number: int) -> None:
    text = FILES[number].read_text(encoding="utf-8")
    created = re.findall(
        r"(CREATE MATERIALIZED VIEW \S+ AS SELECT .*?)\n +AND comment = '[^']* version=(\S+)'", text, re.DOTALL
    )
    assert len(created) == 3
    for statement, version in created:
        wanted = [statement, statement.replace("\nWITH CLUSTERING ORDER BY (customer ASC)", "")]
        assert [fingerprint(f"release_{number}", parse_view(each)) for each in wanted] == [version] * 2
        assert text.count(f'"version": "{version}"') == 1


def test_each_former_schema_is_stored() -> None:
    assert set(range(1, SCHEMA_NUMBER)) <= set(FILES) <= set(range(1, SCHEMA_NUMBER + 1))


@pytest.mark.parametrize("number", sorted(FILES))
def test_what_a_release_had_and_what_came_later_is_what_a_new_registry_has(number: int) -> None:
    stored = {table: columns(cql) for table, cql in statements(FILES[number]).items()}
    for table, cql in upgrade_statements("any", number):
        later = added(cql)
        assert stored[table].keys().isdisjoint(later)
        stored[table] |= later
    for table, cql in table_statements("any"):
        assert stored[table] == columns(cql)
