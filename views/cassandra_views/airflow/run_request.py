"""What a run of a view is asked for, by its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What a run does with its view."""

    CONVERGE = "converge"
    REFRESH = "refresh"
    ROLLBACK = "rollback"
    DROP = "drop"


ACTION_TEXTS = {
    Action.CONVERGE: "make the view as its file says",
    Action.REFRESH: "build a new generation also where nothing has changed",
    Action.ROLLBACK: "send readers to the former generation",
    Action.DROP: "send readers away and drop all generations; a person is asked first",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run is asked for.

    Args:
        view: its name, or keyspace and name; empty in a run that is for base tables alone.
        by: who asked, for the history: the user of Airflow's own session, never a field of the form.
        to: for a rollback, the generation that shall serve: it may be done already when a task runs again.
        mark: the id under which the run's actions are in the registry (``deployment.run_mark``).
    """

    view: str
    action: Action = Action.CONVERGE
    reason: str = ""
    by: str = "airflow"
    to: int | None = None
    mark: str = ""

    @property
    def author(self) -> str:
        """Who acts, as the history names them."""
        return f"airflow:{self.by}" if self.by != "airflow" else "airflow"

    @property
    def why(self) -> str:
        """The reason for the history, also where nobody gave one."""
        return self.reason or f"{self.action.value} by a run of Airflow"


def read_run_request(view: str | None, params: Mapping[str, Any], *, by: str | None, mark: str) -> RunRequest:
    """Return what a run's parameters say; ``view`` None takes the view from them, too.

    Args:
        by: whose run it is, as Airflow knows it; a run that another run triggers inherits it.
    """
    to = params.get("to")
    return RunRequest(
        view=str(params.get("view") or "") if view is None else view,
        action=Action(params.get("action") or Action.CONVERGE),
        reason=str(params.get("reason") or ""),
        by=by or "airflow",
        to=int(to) if to is not None else None,
        mark=mark,
    )
