"""The registry rows that one run holds: taken once under a fence, kept up with each change."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.apply.reports import Listener, Notice
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.generation import Generation, OverrideKind, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Plan
from cassandra_views.registry.store import Registry


class Ledger:
    """What a run knows and writes of the views of its plan.

    Args:
        registry: written under a fence of this run alone.
        listener: is told where the history could not be written.
    """

    def __init__(self, registry: Registry, listener: Listener) -> None:
        self.registry = registry
        self._listener = listener
        self._records: dict[ViewName, ViewRecord] = {}
        self._revisions: dict[ViewName, str] = {}
        self.project = ""

    def open(self, plan: Plan) -> None:
        """Begin a plan: forget what another one held."""
        self.project = plan.project
        self._records.clear()
        self._revisions = {each.view: each.revision for each in plan.preconditions}

    def refuse_stale(self) -> None:
        """Compare every precondition of the plan with the registry, before anything is begun.

        Raises:
            StalePlan: a view is not as it was when the plan was made.
        """
        if not self._revisions:
            return
        records = {record.name: record for record in self.registry.read_all()}
        for view, revision in self._revisions.items():
            if records.get(view, ViewRecord(name=view)).revision() != revision:
                raise stale(view)

    def take(self, view: ViewName) -> ViewRecord:
        """Return the view's record under this run's fence; the first touch checks the plan's precondition.

        Raises:
            StalePlan: the view is not as it was when the plan was made; the fence was left alone.
        """
        record = self._records.get(view)
        if record is None:
            record = self.registry.raise_fence(view, revision=self._revisions.get(view), needs_row=False)
            self._records[view] = record
        return record

    def get(self, view: ViewName, number: int, *states: State) -> tuple[ViewRecord, Generation]:
        """Return the view's record and one of its generations.

        Raises:
            StalePlan: the generation is not there, or in none of these states.
        """
        record = self.take(view)
        each = record.find(number)
        if each is None or (states and each.state not in states):
            raise stale(view)
        return record, each

    def change(
        self,
        view: ViewName,
        *,
        statics: Mapping[str, Any] | None = None,
        generations: Mapping[int, Mapping[str, Any]] | None = None,
        remove: tuple[int, ...] = (),
    ) -> ViewRecord:
        """Change a view's rows in one conditional batch under this run's fence.

        Raises:
            StalePlan: another run has taken the view over.
        """
        record = self.registry.change(self.take(view), view=statics, generations=generations, remove=remove)
        self._records[view] = record
        return record

    def fail(self, view: ViewName, number: int, reason: str, **more: object) -> None:
        """Mark a generation failed and count that; it serves nobody, and the next plan drops it.

        Args:
            more: further columns of the generation.
        """
        record, each = self.get(view, number)
        rows = {number: {"state": State.FAILED, "reason": reason, **more}}
        self.change(view, statics=record.count_failed_build(each, reason), generations=rows)

    def give_up(self, view: ViewName, number: int, reason: str) -> None:
        """Mark a generation failed that is not wanted any longer; it counts as no failure."""
        self.change(view, generations={number: {"state": State.FAILED, "reason": reason}})

    def intend(self, view: ViewName, event: str, *, number: int | None = None, detail: str) -> None:
        """Write into the history what is about to be done; without that it is not begun."""
        self.registry.record_event(view, event, number=number, detail=detail)

    def tell(self, view: ViewName, event: str, *, number: int | None = None, detail: str = "") -> None:
        """Write into the history what was done; it stands, also where that cannot be written."""
        try:
            self.registry.record_event(view, event, number=number, detail=detail)
        except ClusterError as error:
            self._listener(
                Notice(text=f"{view}: '{event}' is done and could not be noted in the history: {error.what}")
            )

    def note_failure(self, view: ViewName, number: int | None, error: ViewsError) -> None:
        """Leave the reason where operators look; a registry that cannot be written must not hide the error."""
        with suppress(ViewsError):
            self.registry.record_event(view, "error", number=number, detail=str(error))
            if view in self._records:
                self.change(view, statics={"last_error": str(error)})


def override_columns(
    kind: OverrideKind | None, *, by: str, reason: str, until: datetime | None = None
) -> dict[str, Any]:
    """Return the static columns of a decision over a view's file; None ends one."""
    return {
        "override": kind,
        "override_by": by if kind else None,
        "override_why": reason if kind else None,
        "override_until": until if kind else None,
    }


def stale(view: ViewName) -> StalePlan:
    """Return the error of a plan that no longer fits."""
    return StalePlan(
        "the plan is stale: the view's registry rows have changed since it was made",
        on=str(view),
        next="Plan again",
    )
