"""Tests of views: which rows are written to the base, which rows the view must show then, and what differs. Pure.

Values are compared as the server prints them in JSON: numbers by their value, all else as texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cassandra_client.errors import Place, ViewsError
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.statement import TableStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRow:
    """A row as a file of tests says it.

    Args:
        values: by column; texts as they are written, lists and mappings of them, None for null.
        place: where it stands.
    """

    values: Mapping[str, Any]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewTest:
    """One test of a view.

    Args:
        base: what the file of its base table creates.
        key: the columns of the view's primary key, in their order.
        now: at which time the view's window is that of the test; None for a view over its whole base.
        rows: what is written to the base, one row after another: a key that comes again is an update.
        expected: what the view must show then, and nothing else; columns that a row leaves out are not compared.
    """

    view: ViewDefinition
    base: TableStatement
    key: tuple[str, ...]
    name: str
    place: Place
    now: datetime | None = None
    rows: tuple[WrittenRow, ...] = ()
    expected: tuple[WrittenRow, ...] = ()


class MismatchKind(StrEnum):
    """How what a view shows differs from what a test expects."""

    MISSING = "missing"
    """The test expects the row, and the view has not got it."""
    EXTRA = "extra"
    """The view has the row, and the test does not expect it."""
    WRONG_VALUE = "wrong value"
    """Both have the row, and a column differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMismatch:
    """A row of a view that is not as a test expects, or one column of it.

    Args:
        key: the columns of the view's primary key.
        column, expected, found: of a wrong value.
    """

    kind: MismatchKind
    key: Mapping[str, Any]
    column: str = ""
    expected: Any = None
    found: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewTestResult:
    """What came of a test.

    Args:
        error: why it could not be run to its end; there are no mismatches then.
    """

    test: ViewTest
    mismatches: tuple[RowMismatch, ...] = ()
    error: ViewsError | None = None
    seconds: float = 0.0

    @property
    def word(self) -> str:
        """Return passed, failed or error."""
        return "error" if self.error else "failed" if self.mismatches else "passed"


def compare_rows(
    key: Sequence[str], expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]
) -> tuple[RowMismatch, ...]:
    """Return what differs: missing rows and wrong values in the order of the test, then rows that are extra.

    Args:
        key: the columns of the view's primary key; every row has them.
        expected: only the columns that the test names.

    Raises:
        ProjectError: two rows are expected under one key.
    """
    by_key = {_identity(key, row): row for row in found}
    doubled = [each for each, count in Counter(_identity(key, row) for row in expected).items() if count > 1]
    if doubled:
        row = next(row for row in expected if _identity(key, row) == doubled[0])
        raise ProjectError(
            f"two rows are expected under the key {key_text(_part(key, row))}, and a view has one row of a key",
            next="Take one of them out",
        )
    return tuple(_mismatches(key, expected, by_key))


def _mismatches(
    key: Sequence[str], expected: Sequence[Mapping[str, Any]], by_key: Mapping[Hashable, Mapping[str, Any]]
) -> Iterator[RowMismatch]:
    for row in expected:
        shown = by_key.get(_identity(key, row))
        if shown is None:
            yield RowMismatch(kind=MismatchKind.MISSING, key=_part(key, row))
            continue
        for column, value in row.items():
            if shown.get(column) != value:
                yield RowMismatch(
                    kind=MismatchKind.WRONG_VALUE,
                    key=_part(key, row),
                    column=column,
                    expected=value,
                    found=shown.get(column),
                )
    wanted = {_identity(key, row) for row in expected}
    for identity, shown in by_key.items():
        if identity not in wanted:
            yield RowMismatch(kind=MismatchKind.EXTRA, key=_part(key, shown))


def key_text(key: Mapping[str, Any]) -> str:
    """Return a row's key for people."""
    return ", ".join(f"{column}={value}" for column, value in key.items())


def _part(key: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: row.get(column) for column in key}


def _identity(key: Sequence[str], row: Mapping[str, Any]) -> Hashable:
    """Return what two keys share where they are one; numbers are one where their values are, as in the server."""
    return tuple(_hashable(row.get(column)) for column in key)


def _hashable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return frozenset((name, _hashable(each)) for name, each in value.items())
    found: Hashable = tuple(map(_hashable, value)) if isinstance(value, list) else value
    return found


__all__ = ["MismatchKind", "RowMismatch", "ViewTest", "ViewTestResult", "WrittenRow", "compare_rows", "key_text"]
