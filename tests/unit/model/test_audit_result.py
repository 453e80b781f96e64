"""What an audit says, in words and as the registry's columns."""

from __future__ import annotations

from typing import Any

import pytest

from cassandra_views.model.audit_result import AuditMethod, AuditResult


def verdict(**more: Any) -> AuditResult:
    return AuditResult(**{"base_rows": 2000, "view_rows": 2000, **more})


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (verdict(), "2,000 rows of 2,000 (key digests)"),
        (verdict(base_rows=0, view_rows=0), "0 rows of 0 (key digests)"),
        (verdict(base_rows=1, view_rows=1), "1 row of 1 (key digests)"),
        (verdict(base_rows=2, view_rows=1), "1 row, 2 in the base a moment before (key digests)"),
        (verdict(view_rows=1999, method=AuditMethod.KEYS), "1,999 rows, 2,000 in the base a moment before (keys)"),
        (verdict(missing_rows=1, missing=("9, ''",), method=AuditMethod.KEYS), "1 MISSING (such as 9, '')"),
        (
            verdict(missing_rows=50, extra_rows=50, missing=("a",), extra=("b",)),
            "50 MISSING (such as a); 50 EXTRA (such as b)",
        ),
        (verdict(missing_rows=200, is_partial=True), "at least 200 MISSING"),
        (verdict(view_rows=0, missing_rows=2000, missing=("a",)), "all 2,000 rows are MISSING (such as a)"),
        (verdict(base_rows=0, extra_rows=2000), "all 2,000 rows are EXTRA"),
        (verdict(base_rows=1, view_rows=0, missing_rows=1), "1 MISSING"),
        (
            verdict(base_rows=0, view_rows=0, first_time="1970-01-21T18:48:57Z"),
            "0 rows of 0 (key digests); the base has rows, and the window holds none: "
            "by its table's file the base's first row is of 1970-01-21T18:48:57Z",
        ),
    ],
)
def test_words(found: AuditResult, text: str) -> None:
    assert str(found) == text


def test_the_registry_keeps_what_was_counted() -> None:
    found = verdict(missing_rows=3, is_partial=True, method=AuditMethod.KEYS)
    assert found.facts == {
        "audit_base_rows": 2000,
        "audit_missing_rows": 3,
        "audit_extra_rows": 0,
        "audit_is_partial": True,
        "audit_method": "keys",
        "audit_first_time": None,
    }
    assert AuditMethod.named("a later one") is AuditMethod.KEYS
