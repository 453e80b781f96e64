"""Files of tests: ``<view>.test.yaml`` beside the view's file, read into values and checked without a server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cassandra_client.errors import Place
from cassandra_views.cql.statements import table_statement, view_statement
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest
from cassandra_views.model.statement import TableStatement
from cassandra_views.model.view_test import ViewTest, WrittenRow
from cassandra_views.project.front_matter import SplitFile, read_front_matter
from cassandra_views.project.project_folder import FILE_SUFFIX
from cassandra_views.project.schemas import ViewTestFields, ViewTestsFields

TEST_SUFFIX = ".test.yaml"
_NEAR = re.compile(r"[._-]tests?\.ya?ml\Z", re.IGNORECASE)
"""How names end that were meant to be those of files of tests, right or nearly so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTests:
    """The tests of a project.

    Args:
        tests: in the order of their files; those of a view whose own file is wrong are left out.
        errors: what is wrong with files of tests; none of the tests of such a file is among ``tests``.
    """

    tests: tuple[ViewTest, ...] = ()
    errors: tuple[ProjectError, ...] = ()


def load_tests(root: Path, project: Project) -> ProjectTests:
    """Read every file of tests.

    Args:
        root: the folder that holds ``views/``.
        project: what the other files say.
    """
    tests: list[ViewTest] = []
    errors: list[ProjectError] = []
    for path in sorted(path for path in (root / "views").rglob("*") if _NEAR.search(path.name) and path.is_file()):
        try:
            tests += _read_file(path, f"{root.name}/{path.relative_to(root).as_posix()}", project)
        except ProjectError as error:
            errors += error.details or (error,)
    return ProjectTests(tests=tuple(tests), errors=tuple(errors))


def _read_file(path: Path, file: str, project: Project) -> tuple[ViewTest, ...]:
    if not file.endswith(TEST_SUFFIX):
        stem = _NEAR.sub("", path.name)
        raise ProjectError(
            f"the name of a file of tests ends in {TEST_SUFFIX}",
            place=Place(file=file),
            next=f"Rename it to {stem}{TEST_SUFFIX}",
        )
    name = path.name.removesuffix(TEST_SUFFIX)
    view_file = file.removesuffix(TEST_SUFFIX) + FILE_SUFFIX
    view = next((each for each in project.views if each.place.file == view_file), None)
    if view is None:
        if any(each.view == name for each in project.broken):
            return ()
        raise ProjectError(
            f"there is no view file {view_file}{nearest(name, [each.name.view for each in project.views])}",
            place=Place(file=file),
            next=f"Give the file of tests the name of a view file, with {TEST_SUFFIX} for {FILE_SUFFIX}, beside it",
        )
    try:
        parts = SplitFile(file=file, yaml=path.read_text(encoding="utf-8-sig"), is_whole=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"the file cannot be read: {error}", place=Place(file=file), next="Save it as UTF-8 text"
        ) from error
    fields = read_front_matter(parts, ViewTestsFields)
    return _FileChecker(parts, view, _base_of(view, project, file)).tests(fields.tests)


def _base_of(view: ViewDefinition, project: Project, file: str) -> TableStatement:
    table = next(
        (each for each in project.tables if (each.keyspace, each.table) == (view.name.keyspace, view.base)), None
    )
    statement = table_statement(table) if table is not None else None
    if statement is None:
        raise ProjectError(
            f"no file says what the base table {view.base} is, so the tests cannot make it",
            on=str(view.name),
            place=Place(file=file),
            next=f"Write the CREATE TABLE {{{{ table }}}} into tables/{view.base}{FILE_SUFFIX}; without "
            "'managed: true' the table itself stays with who owns it",
        )
    return statement


class _FileChecker:
    """Checks the tests of one file against the columns of its view and base.

    Args:
        parts: the file.
        base: what the file of the view's base table creates.
    """

    def __init__(self, parts: SplitFile, view: ViewDefinition, base: TableStatement) -> None:
        self._parts, self._view, self._base = parts, view, base
        statement = view_statement(view)
        self._key = statement.key
        self._base_columns = [column.name for column in base.columns]
        self._view_columns = list(statement.columns) or self._base_columns

    def tests(self, found: Sequence[ViewTestFields]) -> tuple[ViewTest, ...]:
        """Return the tests of the file.

        Raises:
            ProjectError: names what is wrong; all of it is in ``details``.
        """
        errors = [error for index, each in enumerate(found) for error in self._errors(index, each, found[:index])]
        if errors:
            errors[0].details = tuple(errors) if len(errors) > 1 else ()
            raise errors[0]
        return tuple(
            ViewTest(
                view=self._view,
                base=self._base,
                key=self._key,
                name=each.name,
                place=self._place("tests", index),
                now=each.now,
                rows=self._rows(each.rows, "tests", index, "rows"),
                expected=self._rows(each.expect, "tests", index, "expect"),
            )
            for index, each in enumerate(found)
        )

    def _errors(self, index: int, test: ViewTestFields, former: Sequence[ViewTestFields]) -> Iterator[ProjectError]:
        if any(test.name == each.name for each in former):
            yield self._error(f"two tests have the name '{test.name}'", "Rename one of them", "tests", index, "name")
        if self._view.window is not None and test.now is None:
            what = f"the test '{test.name}' lacks 'now', and the view has a window, which moves with the time"
            yield self._error(what, "Add 'now: 2026-12-01T06:00:00Z', or another time", "tests", index)
        elif test.now is not None and not self._has_window_at(test.now):
            what = f"the test '{test.name}' has a 'now' whose window begins before the first time there is"
            yield self._error(what, "Give a later time", "tests", index, "now")
        sides = (
            ("rows", test.rows, self._base_columns, self._base.key, f"the base table {self._view.base}"),
            ("expect", test.expect, self._view_columns, self._key, f"the view {self._view.name.view}"),
        )
        for side, rows, columns, key, of in sides:
            for number, row in enumerate(rows):
                at = ("tests", index, side, number)
                unknown = [name for name in row if name not in columns]
                for name in unknown:
                    what = f"{of} has no column '{name}'{nearest(name, columns)}"
                    yield self._error(what, f"Its columns are {', '.join(columns)}", *at, name)
                missing = [name for name in key if row.get(name) is None]
                if missing and not unknown:  # a misspelt name is also a missing one
                    what = f"the row lacks {', '.join(missing)}, and the key of {of} is {', '.join(key)}"
                    yield self._error(what, "Give the row a value for each column of the key", *at)

    def _has_window_at(self, now: datetime) -> bool:
        try:
            start = self._view.window_start(now)
            if start is not None and self._view.time is not None:
                self._view.time.literal(start)
        except (ValueError, OverflowError):
            return False
        return True

    def _rows(self, rows: Sequence[Mapping[str, Any]], *path: str | int) -> tuple[WrittenRow, ...]:
        return tuple(WrittenRow(values=row, place=self._place(*path, number)) for number, row in enumerate(rows))

    def _place(self, *path: str | int) -> Place:
        return Place(file=self._parts.file, line=self._parts.line_of(*path))

    def _error(self, what: str, following: str, *path: str | int) -> ProjectError:
        return ProjectError(what, on=str(self._view.name), place=self._place(*path), next=following)


__all__ = ["TEST_SUFFIX", "ProjectTests", "load_tests"]
