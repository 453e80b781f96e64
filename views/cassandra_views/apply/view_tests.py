"""Runs tests of views on a server: writes the rows of each to a base of its own making, and reads the view.

All tests share one keyspace. What they need there has names made from their statements, so that whatever is there
already is right and is used again: on a server that stays, only what has changed in the files is made. Values go in
and come out as JSON, which the server reads and prints by each column's type.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_client.driver_errors import DRIVER_ERRORS, NO_ANSWER, is_refusal, server_words, translate_driver_errors
from cassandra_client.errors import Place, ViewsError
from cassandra_client.names import quoted
from cassandra_views.cql.printing import keyspace_cql, table_cql, view_cql
from cassandra_views.cql.statements import view_statement
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.schema import SIMPLE, Keyspace
from cassandra_views.model.statement import ColumnDeclaration, TableStatement
from cassandra_views.model.view_test import ViewTest, ViewTestResult, WrittenRow, compare_rows

KEYSPACE = "views_test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """A table or view that tests need, under the name that is made from its statement."""

    keyspace: str
    name: str
    cql: str

    @property
    def full_name(self) -> str:
        """Return the name with its keyspace."""
        return f"{quoted(self.keyspace)}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTest:
    """A test with what it needs on the server.

    Args:
        expected: a table of the base's columns with ``number`` as its key: in it the server turns what the test
            expects into the values that it would print.
    """

    test: ViewTest
    base: Fixture
    view: Fixture
    expected: Fixture
    number: str

    @property
    def fixtures(self) -> tuple[Fixture, ...]:
        """Return what is to be made, in this order."""
        return (self.base, self.expected, self.view)


def prepare_test(test: ViewTest, keyspace: str = KEYSPACE) -> PreparedTest:
    """Return a test with the statements of what it needs. Pure.

    Options are left out: they decide nothing of what a view shows, and some need a server that is set up for them.
    """
    columns = tuple(replace(column, mask=None) for column in test.base.columns)
    plain = replace(test.base, keyspace=None, columns=columns, options=(), if_not_exists=False)
    base = _fixture(keyspace, "base", lambda name: table_cql(plain, keyspace=keyspace, name=name))
    number = _free_name("number", {column.name for column in columns})
    listed = TableStatement(
        table="expected",
        columns=(ColumnDeclaration(name=number, type="int"), *(replace(each, is_static=False) for each in columns)),
        partition_key=(number,),
    )
    statement = replace(view_statement(test.view), keyspace=None, base_keyspace=None, base=base.name, options=())
    start = test.view.window_start(test.now) if test.now is not None else None
    bound = test.view.time.literal(start) if test.view.time is not None and start is not None else None
    return PreparedTest(
        test=test,
        base=base,
        expected=_fixture(keyspace, "expected", lambda name: table_cql(listed, keyspace=keyspace, name=name)),
        view=_fixture(
            keyspace,
            "view",
            lambda name: view_cql(statement, keyspace=keyspace, physical=name, window_start=bound, window_end=None),
        ),
        number=number,
    )


def _fixture(keyspace: str, kind: str, print_cql: Callable[[str], str]) -> Fixture:
    name = f"{kind}_{hashlib.blake2b(print_cql(kind).encode(), digest_size=12).hexdigest()}"
    return Fixture(keyspace=keyspace, name=name, cql=print_cql(name))


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def row_json(values: Mapping[str, Any]) -> str:
    """Return a row as INSERT JSON takes it: a column's name that is not all lower case stands in quotes there."""
    return json.dumps({name if name == name.lower() else f'"{name}"': value for name, value in values.items()})


def parse_row(text: str) -> dict[str, Any]:
    """Return a row that SELECT JSON gave, by the names of its columns."""
    found: dict[str, Any] = json.loads(text, parse_float=Decimal, parse_int=_whole_number)
    return {name[1:-1] if name.startswith('"') else name: value for name, value in found.items()}


def _whole_number(digits: str) -> int | Decimal:
    """Return a number of a varint column; Python reads no int of more digits than these."""
    return int(digits) if len(digits) <= sys.int_info.default_max_str_digits else Decimal(digits)


class ViewTestRunner:
    """Runs tests on a server that is there for them alone.

    Args:
        session: on that server; one node, so that a view shows a write when the write is done.
        keyspace: where all of them run; nothing else is in it.
    """

    def __init__(self, session: Session, keyspace: str = KEYSPACE) -> None:
        self._session = session
        self._keyspace = keyspace
        self._database = Database(session)

    def run(self, tests: Sequence[ViewTest], *, kept: Iterable[ViewTest] = ()) -> list[ViewTestResult]:
        """Run tests one after another and return their results.

        Args:
            kept: more tests whose fixtures stay on the server for a later run; those of all others are dropped.

        Raises:
            ClusterError: the server does not answer, or its keyspace of tests cannot be made.
        """
        prepared = [prepare_test(each, self._keyspace) for each in tests]
        left = [prepare_test(each, self._keyspace) for each in kept]
        wanted = {each.name for each in _fixtures([*prepared, *left])}
        refused = self._make(_fixtures(prepared), wanted)
        return [self._result(each, refused) for each in prepared]

    def _make(self, fixtures: Sequence[Fixture], wanted: set[str]) -> dict[str, str]:
        """Make what is missing and drop what no test needs; return what the server refused, with its words."""
        with translate_driver_errors("the server of the tests cannot be prepared", on=f"keyspace {self._keyspace}"):
            keyspace = Keyspace.of(self._keyspace, {"class": SIMPLE, "replication_factor": 1})
            self._session.execute(keyspace_cql(keyspace, if_not_exists=True))
            there = self._names("views", "view_name"), self._names("tables", "table_name")
            for kind, names in zip(("MATERIALIZED VIEW", "TABLE"), there, strict=True):
                for name in sorted(names - wanted):
                    self._session.execute(f"DROP {kind} IF EXISTS {quoted(self._keyspace)}.{quoted(name)}")
            refused = {}
            for each in fixtures:
                if each.name not in there[0] | there[1]:
                    words = self._refusal(each.cql)
                    if words:
                        refused[each.name] = words
        return refused

    def _names(self, table: str, column: str) -> set[str]:
        query = f"SELECT {column} FROM system_schema.{table} WHERE keyspace_name = ?"
        return {row[column] for row in self._database.rows(query, (self._keyspace,))}

    def _refusal(self, cql: str) -> str:
        try:
            self._session.execute(cql)
        except DRIVER_ERRORS as error:
            if isinstance(error, NO_ANSWER) and not is_refusal(error):
                raise
            return server_words(error) or type(error).__name__
        return ""

    def _result(self, prepared: PreparedTest, refused: Mapping[str, str]) -> ViewTestResult:
        begun = time.monotonic()
        test = prepared.test
        try:
            _refuse_without(prepared, refused)
            found = self._show(prepared)
            expected = [self._as_printed(prepared, number, row) for number, row in enumerate(test.expected)]
            mismatches = compare_rows(test.key, expected, found)
            return ViewTestResult(test=test, mismatches=mismatches, seconds=time.monotonic() - begun)
        except ViewsError as error:
            error.on = error.on or f"{test.view.name}, test '{test.name}'"
            error.place = error.place or test.place
            return ViewTestResult(test=test, error=error, seconds=time.monotonic() - begun)

    def _show(self, prepared: PreparedTest) -> list[dict[str, Any]]:
        """Write the rows to an empty base and return what the view shows then."""
        self._clear(prepared)
        for row in prepared.test.rows:
            self._insert(prepared.base, row, row.values, "DEFAULT UNSET")
        return self._printed(f"SELECT JSON * FROM {prepared.view.full_name}")

    def _clear(self, prepared: PreparedTest) -> None:
        """Delete every partition of the base, whatever a run that was killed has left."""
        key = [quoted(name) for name in prepared.test.base.partition_key]
        condition = " AND ".join(f"{name} = ?" for name in key)
        for row in self._database.rows(f"SELECT DISTINCT {', '.join(key)} FROM {prepared.base.full_name}"):
            self._database.write(f"DELETE FROM {prepared.base.full_name} WHERE {condition}", tuple(row.values()))

    def _as_printed(self, prepared: PreparedTest, number: int, row: WrittenRow) -> dict[str, Any]:
        """Return the row as the server would print it, only the columns that the test names."""
        self._insert(prepared.expected, row, {prepared.number: number, **row.values}, "DEFAULT NULL")
        query = f"SELECT JSON * FROM {prepared.expected.full_name} WHERE {quoted(prepared.number)} = ?"
        (found,) = self._printed(query, number)
        return {name: found[name] for name in row.values}

    def _insert(self, fixture: Fixture, row: WrittenRow, values: Mapping[str, Any], default: str) -> None:
        try:
            self._database.write(f"INSERT INTO {fixture.full_name} JSON ? {default}", (row_json(values),))
        except ViewsError as error:
            cause = error.__cause__
            if not isinstance(cause, DRIVER_ERRORS) or not is_refusal(cause):
                raise
            raise _refused_row(server_words(cause), row.place) from error

    def _printed(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return [parse_row(next(iter(row.values()))) for row in self._database.rows(query, values)]


def _fixtures(prepared: Iterable[PreparedTest]) -> list[Fixture]:
    """Return what tests need, each once; every base before its views."""
    return list({each.name: each for one in prepared for each in one.fixtures}.values())


def _refuse_without(prepared: PreparedTest, refused: Mapping[str, str]) -> None:
    """Refuse to run a test whose tables or view the server has not made.

    Raises:
        ProjectError: in the server's words.
    """
    for each, what, file in (
        (prepared.base, f"base table {prepared.test.base.table}", "the table's file"),
        (prepared.expected, f"base table {prepared.test.base.table}", "the table's file"),
        (prepared.view, "view", "the view's file"),
    ):
        if each.name in refused:
            raise ProjectError(
                f"the server refuses the {what}: {refused[each.name]}",
                remains="The test was not run",
                next=f"Correct {file}. A type of your own is not known here",
            )


def _refused_row(words: str, place: Place) -> ProjectError:
    return ProjectError(
        f"the server refuses the row: {words}",
        place=place,
        remains="The test was not run to its end",
        next="Write the value as the column's type asks for it",
    )


__all__ = ["PreparedTest", "ViewTestRunner", "parse_row", "prepare_test", "row_json"]
