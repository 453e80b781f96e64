"""Asking a person before a whole view is dropped, on Airflow's page of required actions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowSkipException

from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.tasks import ViewTask
from cassandra_views.model.steps import DropGeneration, Plan, Step
from cassandra_views.planning.explain import explain

if TYPE_CHECKING:
    from airflow.sdk import Context

DROP, KEEP = "Drop", "Keep"
PATIENCE = timedelta(days=1)
"""How long a person may take to answer; then the view is kept."""


class ApproveTask(ViewTask, HITLOperator):
    """Asks whether the drops of the run's plan may be done, where there are any.

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
            options=[DROP, KEEP],
            defaults=KEEP,
            response_timeout=patience,
            **kwargs,
        )

    def own_steps(self, plan: Plan) -> list[Step]:
        """Return the steps that a person is asked for."""
        return [step for step in plan.steps if isinstance(step, DropGeneration) and step.needs_approval]

    def execute(self, context: Context) -> Any:
        """Ask; where the environment needs no approval, return at once.

        Raises:
            AirflowSkipException: the plan drops no whole view.
        """
        with self.managed(context) as (manager, asked):
            plan = self.plan(manager, asked, allow_drop=True)
            needs_person = manager.settings.env.approve_drops
        drops = self.own_steps(plan)
        if not drops:
            raise AirflowSkipException("Nothing to ask")
        if not needs_person:
            self.log.info("This environment drops without asking")
            return {"approved": True, "by": ""}
        self.subject = f"Drop the view {asked.view}?"
        lines = [f"- {subject}: {text}" for _sign, subject, text in map(explain, drops)]
        self.body = "\n".join([f"{plan.target}", "", *lines, "", f"Asked for by {asked.by}: {asked.why}"])
        return HITLOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the answer; none within the time is a no."""
        answer = HITLOperator.execute_complete(self, context, event)
        user = answer.get("responded_by_user") or {}
        return {"approved": answer["chosen_options"] == [DROP], "by": user.get("name", "")}
