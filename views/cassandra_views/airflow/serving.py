"""Sending readers to a generation, and telling Airflow's assets of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException

from cassandra_views.airflow.asked import Action, Asked
from cassandra_views.airflow.tasks import ViewTask
from cassandra_views.model.errors import ShrinkUnapproved
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.times import instant_text

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cassandra_views.manager import ViewManager


class ServeTask(ViewTask):
    """Sends readers to the generation that is built and audited; its asset's event says which."""

    def do(self, manager: ViewManager, asked: Asked, context: Context) -> Any:
        """Switch, or roll back; then tell the asset what serves.

        Raises:
            AirflowSkipException: the generation holds far fewer rows than what serves; it stays built. This is no
                failure of the run: ``views_reconcile`` triggers one that asks a person.
        """
        if asked.action is Action.ROLLBACK:
            found = self._roll_back(manager, asked)
        else:
            try:
                found = super().do(manager, asked, context)
            except ShrinkUnapproved as error:
                self.log.warning("%s: %s. %s.", error.on, error.what, error.remains)
                raise AirflowSkipException("A person is asked on the page Required Actions") from None
        record = manager.record(asked.view)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = event_of(record)
        return found

    def _roll_back(self, manager: ViewManager, asked: Asked) -> dict[str, Any]:
        serving = [each.number for each in manager.record(asked.view).in_state(State.SERVING)]
        if asked.to is not None and serving == [asked.to]:
            # A former try of this task was killed after the switch: once more would go forward again.
            raise AirflowSkipException(f"Generation {asked.to} serves already")
        outcome = manager.rollback(asked.view, reason=asked.why)
        return {"steps": outcome.done, "seconds": round(outcome.seconds, 3)}


def event_of(record: ViewRecord) -> dict[str, Any]:
    """Return what an asset's event says of the generation that serves: number, window, rows, audit."""
    newest = (record.in_state(State.SERVING) or (None,))[-1]
    if newest is None:
        return {"generation": None}
    return {
        "generation": newest.number,
        "physical": newest.physical,
        "window_start": instant_text(newest.window_start) if newest.window_start else None,
        "rows": newest.rows_built,
        "audit": newest.audit.value if newest.audit else None,
        "version": newest.version,
    }
