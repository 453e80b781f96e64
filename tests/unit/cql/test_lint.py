from __future__ import annotations

import re
from pathlib import Path

import pytest

from cassandra_views.cql.check import check
from cassandra_views.cql.findings import CODES, KINDS, WARNINGS, Severity, raise_on_errors
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.lint_tables import lint_table
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.model.errors import StatementError
from tests.unit.cql.rules import BASES, CHECK_RULES, GOOD_VIEWS, TABLE_RULES, TOO_DEEP, TWO, VIEW_RULES, Rule

LINT = Path(__file__).parents[3] / "docs" / "lint.md"


@pytest.mark.parametrize("rule", VIEW_RULES, ids=lambda rule: f"{rule.code}-{rule.view[:60]}")
def test_each_rule_finds_its_statement(rule: Rule) -> None:
    base = parse_table(BASES[rule.base]).shape("ks")
    statement = parse_view(rule.view)
    findings = lint_view(statement, base, file="v.cql")
    assert rule.code in {finding.code for finding in findings}, findings
    offline = {finding.code for finding in lint_view(statement, None, file="v.cql")}
    assert (rule.code in offline) == (not rule.code.startswith("CV3") and rule.code not in ("CV129", "CV203", "CV208"))
    found = next(finding for finding in findings if finding.code == rule.code)
    assert found.place.line >= 1
    assert found.fix
    assert rule.words in found.message
    assert (found.severity is Severity.WARNING) == (rule.code in WARNINGS)


@pytest.mark.parametrize("view", GOOD_VIEWS)
def test_good_views_have_no_errors(view: str) -> None:
    findings = lint_view(parse_view(view), parse_table(BASES["t"]).shape("ks"), file="v.cql")
    assert [one for one in findings if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize(("code", "table"), TABLE_RULES)
def test_each_rule_finds_its_table(code: str, table: str) -> None:
    assert code in {finding.code for finding in lint_table(parse_table(table), file="t.cql")}


def test_every_code_has_a_statement_and_is_documented() -> None:
    tried = {rule.code for rule in VIEW_RULES} | {code for code, _ in TABLE_RULES} | {rule[0] for rule in CHECK_RULES}
    assert [one.code for one in check(TOO_DEEP, TWO)] == ["CV003"]
    assert tried | {"CV003"} == set(CODES)
    rows = re.findall(r"^\| (CV\d+) \| (\w+) \|", LINT.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(code, KINDS[code].value) for code in CODES]


def test_base_tables_are_good() -> None:
    for name, text in BASES.items():
        errors = [one for one in lint_table(parse_table(text), file=name) if one.severity is Severity.ERROR]
        assert errors == []


def test_errors_are_raised_with_place_fix_and_count() -> None:
    statement = parse_view("CREATE MATERIALIZED VIEW v AS SELECT a FROM t\nWHERE a = null AND b = null PRIMARY KEY (a)")
    with pytest.raises(StatementError) as raised:
        raise_on_errors(lint_view(statement, None, file="views/v.cql"), on="ks.v")
    assert str(raised.value) == (
        "views/v.cql:2:7: ks.v: a = NULL: servers accept null, and then every write to the base fails [CV202] "
        "(1 more error in this statement). Nothing was changed. Write IS NOT NULL, or a value."
    )
    raise_on_errors(lint_view(parse_view(GOOD_VIEWS[0]), None, file="v"))


def test_a_misspelt_column_names_the_nearest() -> None:
    view = parse_view(
        "CREATE MATERIALIZED VIEW v AS SELECT p, c, d, valeu FROM t WHERE p = 'x' AND c = 1 AND d = 1 "
        "PRIMARY KEY (p, c, d)"
    )
    shape = parse_table("CREATE TABLE t (p text, c int, d int, value int, PRIMARY KEY (p, c, d))").shape("ks")
    found = next(one for one in lint_view(view, shape, file="v") if one.code == "CV303")
    assert found.message == "Undefined column name valeu in table ks.t; did you mean 'value'"
    assert (found.place.line, found.place.column) == (1, 47)
