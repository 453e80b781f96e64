"""Carries out the steps that change what readers see, and those that take generations away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cassandra_client.errors import ClusterError
from cassandra_views.cluster.ddl import Ddl
from cassandra_views.lifecycle.ledger import Ledger, override_columns, stale
from cassandra_views.lifecycle.quiet import QuietLease
from cassandra_views.lifecycle.row_count import find_row_count
from cassandra_views.model.errors import AuditFailed, StalePlan
from cassandra_views.model.generation import DROP_REASON, NO_FAILED_BUILDS, Audit, Generation, Serving, State
from cassandra_views.model.names import counted
from cassandra_views.model.steps import DropGeneration, FailGeneration, RetireView, ServeGeneration, SweepOrphan
from cassandra_views.model.times import instant_text
from cassandra_views.planning.shrink import min_rows_of, shrink_error


class ServeSteps:
    """One method a step; each returns what came of it, in words."""

    def __init__(self, ddl: Ddl, quiet: QuietLease, ledger: Ledger, *, clock: Callable[[], datetime]) -> None:
        self._ddl = ddl
        self._quiet = quiet
        self._ledger = ledger
        self._clock = clock

    def serve(self, step: ServeGeneration) -> str:
        """Send readers to the generation and retire those that served, in one conditional batch.

        Raises:
            AuditFailed: it was not audited.
            ShrinkUnapproved: it holds far fewer rows than what serves; it stays built.
            ClusterError: a node that answers lacks it; readers are where they were.
        """
        view, on = step.view, f"{step.view} generation {step.number}"
        self._refuse_shrink(step)
        with self._ddl.lease.held():
            record, each = self._ledger.get(view, step.number)
            if step.needs_audit and each.audit is not Audit.PASSED:
                raise AuditFailed("it was not audited, and nothing serves unaudited", on=on, next="Run apply again")
            existence = self._ddl.existence(view.keyspace, each.physical, each.table_id)
            if not existence.is_everywhere:
                raise ClusterError(
                    "it is not in the schema of every node that answers",
                    on=on,
                    remains="Readers are where they were",
                    next="Run apply again",
                )
            now = self._clock()
            rows: dict[int, dict[str, object]] = {
                number: {"state": State.RETIRED, "retired_at": now} for number in step.retires if number != step.number
            }
            rows[step.number] = {"state": State.SERVING, "served_at": now, "retired_at": None}
            statics: dict[str, Any] = {
                "read_from": step.read_from,
                "rolled_back_from": step.rolled_back_from,
                "strategy": step.strategy,
                "grace_seconds": step.grace_seconds,
                "next_due": step.next_due,
                "last_error": "",
                "failures": None,
                "failed_at": None,
                **NO_FAILED_BUILDS,
                "project": self._ledger.project or record.project,
            }
            if step.override is not None:
                statics |= override_columns(step.override, by=self._ledger.registry.author, reason=step.reason)
            if step.rolled_back_from is not None:
                self._ledger.intend(view, "roll back", number=step.number, detail=step.reason)
            self._ledger.change(view, statics=statics, generations=rows)
        names = ", ".join(entry.name for entry in step.read_from)
        self._ledger.tell(view, "serve", number=step.number, detail=f"readers are sent to {names}")
        if step.override is None:
            return f"readers are sent to {names}"
        self._ledger.tell(view, f"override {step.override.value}", detail=step.reason)
        return f"readers are sent to {names}, and the view is {step.override.value}"

    def _refuse_shrink(self, step: ServeGeneration) -> None:
        """Leave a generation built that holds far fewer rows than what serves, and write down that it waits."""
        record, each = self._ledger.get(step.view, step.number)
        serving = (record.in_state(State.SERVING) or (None,))[-1]
        rows = each.rows_built or 0
        if serving is None or step.min_rows is None or rows >= step.min_rows or each.state is not State.BUILT:
            return
        # The count at the last audit may be old, and the share of a moved window is an estimate.
        former = find_row_count(self._ddl.database, step.view, serving, step.time, step.window_start)
        if former is None:
            former = serving.rows_built or 0
        else:
            least = min_rows_of(former, step.min_rows_percent)
            if least is None or rows >= least:
                return
        columns = {"compared_to": serving.number, "compared_rows": former}
        record = self._ledger.change(step.view, generations={step.number: columns})
        each = record.find(step.number) or each
        error = shrink_error(step.view, each, serving)
        self._ledger.tell(step.view, "serve withheld", number=step.number, detail=error.what)
        raise error

    def retire(self, step: RetireView) -> str:
        """Send readers to none of the view's generations; all are kept for their grace."""
        with self._ddl.lease.held():
            rows = {number: {"state": State.RETIRED, "retired_at": self._clock()} for number in step.retires}
            empty: tuple[Serving, ...] = ()
            statics: dict[str, Any] = {"read_from": empty, "next_due": None, "rolled_back_from": None}
            if step.override is not None:
                record = self._ledger.take(step.view)
                statics |= override_columns(step.override, by=self._ledger.registry.author, reason=step.reason)
                statics["project"] = record.project or self._ledger.project
                self._ledger.intend(step.view, f"override {step.override.value}", detail=step.reason)
            self._ledger.change(step.view, statics=statics, generations=rows)
        if step.retires or step.override is None:
            self._ledger.tell(step.view, "retire", detail=step.reason)
        return "readers are sent nowhere" + (f", and the view is {step.override.value}" if step.override else "")

    def fail(self, step: FailGeneration) -> str:
        """Give up a generation that never served."""
        self._ledger.give_up(step.view, step.number, step.reason)
        self._ledger.tell(step.view, "give up", number=step.number, detail=step.reason)
        return "marked failed"

    def drop(self, step: DropGeneration) -> str:
        """Drop a physical view that serves nobody, after the one-way state ``dropping`` is written.

        Raises:
            StalePlan: it serves.
            ClusterError: some node still has it; it stays ``dropping`` and the next run goes on.
        """
        view, on = step.view, f"{step.view} generation {step.number}"
        with self._quiet.held(view.keyspace) as held:
            record, each = self._ledger.get(view, step.number)
            if any(entry.name == each.physical for entry in record.read_from):
                raise StalePlan("it serves, and nothing that serves is dropped", on=on, next="Plan again")
            if each.state is not State.DROPPING:
                self._ledger.change(view, generations={step.number: dropping_columns(step.reason)})
                self._ledger.intend(view, "drop", number=step.number, detail=step.reason)
            self._ddl.drop_view(held, view.keyspace, each.physical, on)
            statics: dict[str, Any] = {}
            if all(one.number == step.number for one in record.generations):
                author = self._ledger.registry.author
                statics = {"dropped_at": self._clock(), "dropped_by": author, "dropped_why": step.reason}
            self._ledger.change(view, statics=statics, remove=(step.number,))
        self._ledger.tell(view, "dropped", number=step.number, detail=f"{step.reason}; it was {_described(each)}")
        return "dropped"

    def sweep(self, step: SweepOrphan) -> str:
        """Drop a physical view that carries our comment and stands in no registry row.

        Raises:
            StalePlan: a registry row knows it now.
        """
        view, on = step.view, f"{step.view} generation {step.number}"
        with self._quiet.held(view.keyspace) as held:
            record = self._ledger.take(view)
            if record.find(step.number) is not None:
                raise stale(view)
            if record.next_number <= step.number:
                self._ledger.change(view, statics={"next_number": step.number + 1})
            self._ledger.intend(view, "sweep", number=step.number, detail=step.reason)
            self._ddl.drop_view(held, view.keyspace, view.physical(step.number), on)
        return "dropped"


def dropping_columns(reason: str) -> dict[str, object]:
    """Return what is written before a DROP is sent; a run that finishes it knows the reason from there."""
    return {"state": State.DROPPING, "reason": f"{DROP_REASON}{reason}"}


def _described(each: Generation) -> str:
    parts = [each.physical, f"version {each.version}"]
    if each.window_start:
        parts.append(f"window from {instant_text(each.window_start)}")
    if each.rows_built is not None:
        parts.append(counted(each.rows_built, "row"))
    return ", ".join(parts)
