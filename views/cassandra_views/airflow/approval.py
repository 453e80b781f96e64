"""Asking a person, on Airflow's page of required actions, before a whole view is dropped or readers lose many rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowSkipException

from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.run_request import Action
from cassandra_views.airflow.tasks import ViewTask, asks_for_shrink
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.steps import DropGeneration, Plan, Step
from cassandra_views.plan.explain import explain
from cassandra_views.plan.project_plan import is_original_drop
from cassandra_views.plan.safeguards import find_withheld, shrink_error

if TYPE_CHECKING:
    from airflow.sdk import Context

DROP, SERVE, KEEP = "Drop", "Serve", "Keep"
PATIENCE = timedelta(days=1)
"""How long a person may take to answer; then the view, or what serves, is kept."""

_GENERATION_KEY = "generation"
"""Under which the task keeps, until it is answered, which generation it asks about."""


def drop_question(view: str, drops: Iterable[Step], *, is_whole: bool) -> str:
    """Return what a person is asked before these drops.

    Args:
        is_whole: a person wants the whole view dropped.
    """
    original = [is_original_drop(step) for step in drops]
    if not any(original):
        return f"Drop the view {view}?"
    if all(original) and not is_whole:
        return f"Drop the hand-made original of {view}? Applications may read it by its name."
    return f"Drop the view {view}, with the hand-made view that applications may read by its name?"


class ApproveTask(ViewTask, HITLOperator):
    """Asks whether the drops of the run's plan may be done, or a generation with far fewer rows be served.

    Args:
        view: its name; None takes it from the run's parameters.
        patience: how long it waits for an answer; none is a no.
    """

    template_fields = ("view", "subject", "body")

    def __init__(
        self, *, deployment: Deployment, view: str | None, patience: timedelta = PATIENCE, **kwargs: Any
    ) -> None:
        super().__init__(
            deployment=deployment,
            view=view,
            subject=f"Drop the view {view}?" if view else "Drop a view?",
            options=[DROP, SERVE, KEEP],
            defaults=KEEP,
            response_timeout=patience,
            **kwargs,
        )

    def own_steps(self, plan: Plan) -> list[Step]:
        """Return the steps that a person is asked for."""
        return [step for step in plan.steps if isinstance(step, DropGeneration) and step.needs_approval]

    def execute(self, context: Context) -> Any:
        """Ask; where the environment needs no approval and no view that people made is dropped, return at once.

        Raises:
            AirflowSkipException: the plan drops no whole view, and no generation waits for a person.
        """
        with self.managed(context) as (manager, request):
            plan = self.plan(manager, request, allow_drop=True)
            approve_drops = manager.settings.env.approve_drops
            record = manager.record(request.view) if asks_for_shrink(plan) else None
        if record is not None:
            return self._ask_about_shrink(plan, record, context)
        drops = self.own_steps(plan)
        if not drops:
            raise AirflowSkipException("Nothing to ask")
        if not approve_drops and not any(map(is_original_drop, drops)):
            self.log.info("This environment drops without asking")
            return {"approved": True, "by": ""}
        self.options = [DROP, KEEP]
        self.subject = drop_question(request.view, drops, is_whole=request.action is Action.DROP)
        lines = [f"- {subject}: {text}" for _sign, subject, text in map(explain, drops)]
        self.body = "\n".join([f"{plan.target}", "", *lines, "", f"Asked for by {request.by}: {request.why}"])
        return HITLOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the answer; none within the time is a no."""
        answer = HITLOperator.execute_complete(self, context, event)
        user = answer.get("responded_by_user") or {}
        number = context["ti"].xcom_pull(task_ids=self.task_id, key=_GENERATION_KEY)
        is_allowed = answer["chosen_options"] == [DROP if number is None else SERVE]
        if number is not None and not is_allowed:
            self.log.info("Nobody allowed it: generation %s stays built, and readers are where they were", number)
        return {"approved": is_allowed, "by": user.get("name", ""), "generation": number}

    def _ask_about_shrink(self, plan: Plan, record: ViewRecord, context: Context) -> Any:
        withheld = find_withheld(record)
        if withheld is None:
            raise AirflowSkipException("Nothing to ask: the generation that waited is gone")
        context["ti"].xcom_push(key=_GENERATION_KEY, value=withheld.number)
        error = shrink_error(record.name, withheld, (record.in_state(State.SERVING) or (None,))[-1])
        self.options = [SERVE, KEEP]
        self.subject = f"Serve far fewer rows in {record.name.view}?"
        self.body = "\n".join(
            [
                f"{plan.target}",
                "",
                f"- {error.on}: {error.what}. {error.remains}.",
                "",
                f"`{SERVE}` sends readers to it, after another audit where the last one is old. `{KEEP}` leaves all as "
                "it is. Other runs of this view wait for the answer, also one that builds a corrected file.",
            ]
        )
        return HITLOperator.execute(self, context)
