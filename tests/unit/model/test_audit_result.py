"""What an audit says, in words and as the registry's columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cassandra_views.model.audit_result import (
    AuditMethod,
    AuditResult,
    CellDifference,
    DifferenceKind,
    RowDifference,
)

MISSING = RowDifference(kind=DifferenceKind.MISSING, key="9, ''")
EXTRA = RowDifference(kind=DifferenceKind.EXTRA, key="b")
TOTAL = CellDifference(
    column="total", base="999", view="32", base_written=1_795_837_611_000_000, view_written=1_795_830_411_500_000
)
STALE = RowDifference(kind=DifferenceKind.STALE, key="7", cells=(TOTAL,))
TTL = CellDifference(column="x", base="1", view="1", base_written=5, view_written=5, is_base_expiring=True)
EXPIRING = RowDifference(kind=DifferenceKind.EXPIRING, key="7", cells=(TTL,))


def verdict(**more: Any) -> AuditResult:
    return AuditResult(**{"base_rows": 2000, "view_rows": 2000, **more})


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (verdict(), "2,000 rows of 2,000 (digests)"),
        (verdict(coverage="LOCAL_QUORUM in dc1"), "2,000 rows of 2,000 (digests, LOCAL_QUORUM in dc1)"),
        (verdict(base_rows=0, view_rows=0), "0 rows of 0 (digests)"),
        (verdict(base_rows=1, view_rows=1), "1 row of 1 (digests)"),
        (verdict(base_rows=2, view_rows=1), "1 row, 2 in the base a moment before (digests)"),
        (verdict(view_rows=1999, method=AuditMethod.ROWS), "1,999 rows, 2,000 in the base a moment before (rows)"),
        (
            verdict(newer_rows=1, ahead_rows=20),
            "2,000 rows of 2,000 (digests); not compared: 1 row written since the audit began; "
            "not compared: 20 rows with a write time that is still to come",
        ),
        (verdict(missing_rows=1, examples=(MISSING,)), "1 MISSING (such as 9, '')"),
        (
            verdict(missing_rows=50, extra_rows=50, examples=(MISSING, EXTRA)),
            "50 MISSING (such as 9, ''); 50 EXTRA (such as b)",
        ),
        (
            verdict(stale_rows=1, examples=(STALE,)),
            "1 STALE (such as 7: total is 999 (written 2026-11-28T03:46:51Z) in the base "
            "and 32 (written 2026-11-28T01:46:51.500000Z) in the view)",
        ),
        (
            verdict(expiring_rows=2, examples=(EXPIRING,)),
            "2 EXPIRING (such as 7: x is 1 (written 5 with a TTL) in the base and 1 (written 5) in the view)",
        ),
        (verdict(missing_rows=200, is_partial=True), "at least 200 MISSING"),
        (verdict(view_rows=0, missing_rows=2000, examples=(MISSING,)), "all 2,000 rows are MISSING (such as 9, '')"),
        (verdict(base_rows=0, extra_rows=2000), "all 2,000 rows are EXTRA"),
        (verdict(base_rows=1, view_rows=0, missing_rows=1), "1 MISSING"),
        (verdict(stale_rows=2000), "2,000 STALE"),
        (
            verdict(base_rows=0, view_rows=0, first_time="1970-01-21T18:48:57Z"),
            "0 rows of 0 (digests); the base has rows, and the window holds none: "
            "by its table's file the base's first row is of 1970-01-21T18:48:57Z",
        ),
    ],
)
def test_words(found: AuditResult, text: str) -> None:
    assert str(found) == text


def test_the_registry_keeps_what_was_counted() -> None:
    found = verdict(missing_rows=3, stale_rows=2, newer_rows=4, ahead_rows=1, is_partial=True, method=AuditMethod.ROWS)
    assert found.facts == {
        "audit_base_rows": 2000,
        "audit_view_rows": 2000,
        "audit_missing_rows": 3,
        "audit_extra_rows": 0,
        "audit_stale_rows": 2,
        "audit_expiring_rows": 0,
        "audit_newer_rows": 4,
        "audit_ahead_rows": 1,
        "audit_differing_totals": None,
        "audit_is_partial": True,
        "audit_method": "rows",
        "audit_first_time": None,
    }
    assert AuditMethod.named("a later one") is AuditMethod.ROWS


@pytest.mark.parametrize("kind", ["missing", "extra", "stale", "expiring"])
def test_one_difference_of_any_kind_fails(kind: str) -> None:
    assert verdict().is_passed
    assert not verdict(**{f"{kind}_rows": 1}).is_passed


def test_a_difference_for_machines() -> None:
    assert STALE.as_json() == {
        "kind": "stale",
        "key": "7",
        "columns": [
            {
                "column": "total",
                "base": "999",
                "view": "32",
                "base_written": 1_795_837_611_000_000,
                "view_written": 1_795_830_411_500_000,
                "base_has_ttl": False,
                "view_has_ttl": False,
                "base_expires": None,
                "view_expires": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            {},
            "2,000 rows of 2,000 (digests, LOCAL_QUORUM in east; not compared: the replicas in north and west)",
        ),
        (
            {"view_rows": 1999, "missing_rows": 1, "examples": (MISSING,), "method": AuditMethod.ROWS},
            "1 MISSING (such as 9, '') (LOCAL_QUORUM in east; not compared: the replicas in north and west)",
        ),
        (
            {"method": AuditMethod.PULSE},
            "equal totals of 2,000 rows (pulse: counts and sums of write times) "
            "(LOCAL_QUORUM in east; not compared: the replicas in north and west)",
        ),
    ],
    ids=["equal", "differing", "a pulse"],
)
def test_a_verdict_names_the_data_centres_that_it_does_not_cover(found: dict[str, Any], text: str) -> None:
    told = verdict(coverage="LOCAL_QUORUM in east", uncompared_centers=("north", "west"), **found)
    assert str(told) == text
    assert AuditResult.of_json(told.as_json()).uncompared_centers == ("north", "west")


def test_differences_that_are_found_later_are_added() -> None:
    found = verdict(method=AuditMethod.ROWS).with_differences([STALE, STALE]).with_differences([STALE, STALE, MISSING])
    assert (found.stale_rows, found.missing_rows, found.extra_rows) == (4, 1, 0)
    assert found.examples == (MISSING, STALE, STALE, STALE)


def test_a_value_that_expires_says_when() -> None:
    cell = CellDifference(
        column="a",
        base="1",
        view="1",
        base_written=1_795_837_611_000_000,
        view_written=1_795_837_611_000_000,
        is_base_expiring=True,
        is_view_expiring=True,
    )
    assert str(cell).startswith("a is 1 (written 2026-11-28T03:46:51Z with a TTL) in the base")
    exact = replace(cell, base_expires=1_795_837_700, view_expires=1_795_837_800)
    assert str(exact) == (
        "a is 1 (written 2026-11-28T03:46:51Z, expires 2026-11-28T03:48:20Z) in the base and "
        "1 (written 2026-11-28T03:46:51Z, expires 2026-11-28T03:50:00Z) in the view"
    )
    told = RowDifference(kind=DifferenceKind.EXPIRING, key="7", cells=(exact,))
    assert RowDifference.of_json(told.as_json()) == told


def test_a_sample_says_nothing_of_how_many_rows_there_are() -> None:
    assert verdict(newer_rows=3).rows == 2003
    assert verdict(method=AuditMethod.SAMPLE).rows is None
    assert verdict(method=AuditMethod.SAMPLE, total_rows=7_000_000).rows == 7_000_000
