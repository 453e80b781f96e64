"""What is written of views beside the work on them: verdicts, marks, lags, failed runs.

The fence is left as it is: none of it stops a run that works on the view meanwhile. Each write has its own condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.model.generation import Audit, Generation, State, ViewRecord
from cassandra_views.model.lag import MeasuredLag
from cassandra_views.model.names import ViewName
from cassandra_views.model.suspicion import Baseline, Suspicion
from cassandra_views.registry.rows import VERDICT_COLUMNS, as_stored, suspicion_columns
from cassandra_views.registry.store import Registry


class FactWriter:
    """Writes facts into the rows of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._database = registry.database
        self._views = f"{quoted(registry.keyspace)}.views"

    def count_failed_run(self, name: ViewName, *, at: datetime, error: str) -> ViewRecord:
        """Count one more failed run in a row.

        The fence is left as it is, and the count is what is compared: a run that works on the view meanwhile
        is not stopped by it.

        Raises:
            ClusterError: conditional writes fail.
        """
        at = as_stored(at)
        wanted: tuple[int, datetime, str] | None = None
        for _ in range(20):
            record = self._registry.read_settled(name)
            if wanted == (record.failures, record.failed_at, record.last_error):
                return record  # the one of unknown outcome had arrived
            if not record.fence:
                record = self._registry.raise_fence(name)  # a first row, which nobody works on
            wanted = (record.failures + 1, at, error)
            query = (
                f"UPDATE {self._views} SET failures = ?, failed_at = ?, last_error = ? "
                "WHERE keyspace_name = ? AND view_name = ? IF failures = ?"
            )
            values = (*wanted, name.keyspace, name.view, record.failures or None)
            try:
                applied, _found = self._database.conditional([(query, values)])
            except DRIVER_ERRORS:
                continue
            if applied:
                return replace(record, failures=wanted[0], failed_at=at, last_error=error)
            wanted = None
        raise ClusterError(
            "its failed run could not be counted: conditional writes fail or rivals keep counting",
            on=str(name),
            next="Check that a quorum of the registry's replicas is up; the failure itself stands in the run's log",
        )

    def write_verdict(
        self,
        name: ViewName,
        number: int,
        audit: Audit,
        *,
        at: datetime,
        rows: int | None,
        facts: Mapping[str, Any] | None = None,
        state: State = State.SERVING,
    ) -> bool:
        """Write what an audit found of a generation; return False where it is not in that state any longer.

        The fence is left as it is: a run that works on the view meanwhile is not stopped by it.

        Args:
            facts: the columns that hold what it counted; without any, what a former audit counted is forgotten.

        Raises:
            ClusterError: conditional writes fail.
        """
        columns = dict.fromkeys(VERDICT_COLUMNS) | dict(facts or {})
        columns |= {"audit": audit.value, "audited_at": as_stored(at), "rows_built": rows}
        query = (
            f"UPDATE {self._views} SET {', '.join(f'{column} = ?' for column in columns)} "
            "WHERE keyspace_name = ? AND view_name = ? AND number = ? IF state = ?"
        )
        values = (*columns.values(), name.keyspace, name.view, number, state.value)
        return self._write_fact(query, values, what="its audit", on=f"{name} generation {number}")

    def write_suspicion(
        self, name: ViewName, each: Generation, suspicion: Suspicion | None, baseline: Baseline | None = None
    ) -> bool:
        """Write or end the mark of a generation; return False where state or mark are no longer those of ``each``.

        The fence is left as it is. So a mark that comes while an audit runs is not ended by that audit.

        Args:
            baseline: what its rows depend on, as it was seen now; None leaves what is kept.

        Raises:
            ClusterError: conditional writes fail.
        """
        columns = suspicion_columns(suspicion)
        if baseline is not None:
            columns["baseline"] = baseline.to_map()
        query = (
            f"UPDATE {self._views} SET {', '.join(f'{column} = ?' for column in columns)} "
            "WHERE keyspace_name = ? AND view_name = ? AND number = ? "
            "IF state = ? AND suspect_since = ? AND suspect_reason = ?"
        )
        before = suspicion_columns(each.suspicion)
        condition = (each.state.value, before["suspect_since"], before["suspect_reason"])
        values = (*columns.values(), name.keyspace, name.view, each.number, *condition)

        def is_written() -> bool:
            now = self._registry.read_settled(name).find(each.number)
            if now is None or (baseline is not None and now.baseline != baseline):
                return False
            return suspicion_columns(now.suspicion) == suspicion_columns(suspicion)

        on = f"{name} generation {each.number}"
        return self._write_fact(query, values, what="that it is suspect", on=on, is_written=is_written)

    def write_lag(self, name: ViewName, lag: MeasuredLag) -> bool:
        """Write how late a view was; return False where the registry knows no such view. The fence is left as it is.

        Raises:
            ClusterError: conditional writes fail.
        """
        query = (
            f"UPDATE {self._views} SET lag_seconds = ?, lag_bound = ?, lag_measured_at = ?, lag_found = ? "
            "WHERE keyspace_name = ? AND view_name = ? IF fence > 0"
        )
        values = (lag.seconds, lag.bound.value, as_stored(lag.at), lag.found, name.keyspace, name.view)
        return self._write_fact(query, values, what="its lag", on=str(name))

    def _write_fact(
        self,
        query: str,
        values: tuple[Any, ...],
        *,
        what: str,
        on: str,
        is_written: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Run a conditional write that changes nothing twice; return whether its condition held.

        Args:
            is_written: where the write ends its own condition: tells whether an earlier sending, of unknown outcome,
                had arrived. It reads at SERIAL.
        """
        for attempt in range(5):
            with suppress(*DRIVER_ERRORS):  # unknown, and the same again changes nothing twice
                applied, _found = self._database.conditional([(query, values)])
                return applied or (attempt > 0 and is_written())
        raise ClusterError(
            f"{what} could not be written down: conditional writes fail",
            on=on,
            next="Check that a quorum of the registry's replicas is up, then run the command again",
        )


__all__ = ["FactWriter"]
