"""Asks a generation the data checks of its view's file; reads only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from cassandra_client.database import Database, ReadRetry, Row
from cassandra_client.driver_errors import translate_driver_errors
from cassandra_client.errors import ClusterError
from cassandra_views.model.data_check import EXAMPLES, CheckFailure, DataCheck
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName


class DataChecker:
    """Asks generations the checks of their views' files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_failures(self, view: ViewName, each: Generation, checks: Sequence[DataCheck]) -> tuple[CheckFailure, ...]:
        """Ask a generation each check, and return those that returned rows.

        Raises:
            ClusterError: one was not answered, in time or at all; whether its rows are there is not known.
        """
        found = [self._ask(view, each, check) for check in checks]
        return tuple(failure for failure in found if failure is not None)

    def _ask(self, view: ViewName, each: Generation, check: DataCheck) -> CheckFailure | None:
        on, remains = f"{view} generation {each.number}", "It was not served, and stays as it is"
        following = (
            "Correct the check in the view's file, let it name partitions, or give it a longer 'timeout'; then run "
            "apply again"
        )
        what = f"the check '{check.name}' was not answered"
        with translate_driver_errors(what, on=on, remains=remains, next=following):
            found = self._first_rows(check.cql(view.keyspace, each.physical), check.timeout)
        if found is None:
            raise ClusterError(f"{what} in time", on=on, remains=remains, next=following)
        rows, has_more = found
        if not rows:
            return None
        return CheckFailure(check=check.name, rows=tuple(rows[:EXAMPLES]), has_more=has_more or len(rows) > EXAMPLES)

    def _first_rows(self, cql: str, timeout: timedelta) -> tuple[list[Row], bool] | None:
        """Return the first rows, and whether there may be more; None where the time is over before there is one.

        A filter may end a page before it has found a row. The time is that of all pages together: each is asked for by
        itself, with what is left of it.
        """
        ends = time.monotonic() + timeout.total_seconds()
        statement = SimpleStatement(
            cql,
            fetch_size=EXAMPLES + 1,
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            retry_policy=ReadRetry(),
            is_idempotent=True,
        )
        found = self._database.send(statement, timeout_seconds=timeout.total_seconds()).result()
        while not found.current_rows and found.has_more_pages:
            left = ends - time.monotonic()
            if left <= 0:
                return None
            following = self._database.send(statement, timeout_seconds=left, paging_state=found.paging_state)
            found = following.result()
        names, rows = found.column_names or [], found.current_rows or ()
        shown = [dict(row) if isinstance(row, dict) else dict(zip(names, row, strict=True)) for row in rows]
        return shown, found.has_more_pages


__all__ = ["DataChecker"]
