"""``views_by_hand``: a form by which people choose views, and what is to become of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, BaseOperator, Param

from cassandra_client.errors import ConfigurationError
from cassandra_views.airflow.deployment import Deployment, make_dag
from cassandra_views.airflow.failures import as_airflow_errors, form_error, with_form_advice
from cassandra_views.airflow.task_log import log_plan
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Plan, ServeGeneration
from cassandra_views.model.times import parse_instant

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cassandra_views.manager import ViewManager

_RUNS = ("refresh", "rollback", "drop")
_DECISIONS = {"freeze": "frozen", "off": "off", "on": None}


def manual_actions_dag(deployment: Deployment, project: Project) -> DAG:
    """Return the DAG whose form acts on chosen views."""
    names = sorted(view.name.view for view in project.views)
    tags = sorted({tag for view in project.views for tag in view.tags})
    with make_dag(
        deployment.service_id("by_hand"),
        description="Refresh, roll back, freeze, switch off or on, or drop chosen views",
        doc_md=(
            "Choose views by name or by tag, what is to be done, and why. `freeze`, `off` and `on` are decided at "
            "once and carried out by `views_reconcile`; the others are done by the runs of the views' own DAGs. "
            "A dry run writes the plan into the log of the task `act` and changes nothing."
        ),
        schedule=None,
        max_active_runs=4,
        tags=["views", "form"],
        params={
            "views": Param(
                None,
                type=["null", "array"],
                items={"type": "string"},
                examples=names,
                title="Views",
                description="Optional where tags are chosen.",
            ),
            "tags": Param(
                None,
                type=["null", "array"],
                items={"type": "string"},
                examples=tags,
                title="Tags",
                description="Optional. All views whose files have any of these tags.",
            ),
            "action": Param("refresh", enum=[*_RUNS, *_DECISIONS], title="Action"),
            "reason": Param(
                None,
                type=["null", "string"],
                title="Reason",
                description="Needed, except for a dry run. Kept in the history.",
            ),
            "until": Param(
                None,
                type=["null", "string"],
                format="date-time",
                title="Until",
                description="Optional. When 'freeze' or 'off' ends by itself.",
            ),
            "dry_run": Param(False, type="boolean", title="Dry run", description="Only write the plan to the log."),
        },
    ) as dag:
        act = ActTask(task_id="act", deployment=deployment)
        TriggerDagRunOperator.partial(
            task_id="trigger", logical_date=None, map_index_template="{{ task.trigger_dag_id }}"
        ).expand_kwargs(act.output)
    return dag


class ActTask(BaseOperator):
    """Shows the plan, decides what is decided at once, and returns the runs to trigger."""

    def __init__(self, *, deployment: Deployment, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Do what the form asks for, or show what that would be."""
        params, run = context["params"], context["dag_run"]
        by = run.triggering_user_name or "airflow"
        action, reason = str(params["action"]), str(params["reason"] or "").strip()
        with as_airflow_errors(context["ti"]), self.deployment.managed(author=f"airflow:{by}") as manager:
            if not reason and not params["dry_run"]:
                raise ConfigurationError(
                    "no reason is given", on=action, next="Trigger it again with a reason: it is kept in the history"
                )
            views = _chosen(manager, params)
            plans = {view: _plan(manager, view, action, reason) for view in views}
            for view, plan in plans.items():
                if plan is None:
                    self.log.info("%s: %s", view, action)
                else:
                    log_plan(self.log, plan)
            if params["dry_run"]:
                self.log.info("A dry run: nothing was changed")
                return []
            if action in _DECISIONS:
                until = _until(params)
                for view in views:
                    manager.override(str(view), _DECISIONS[action], reason=reason, until=until)
                return []
            files = {each.name for each in manager.project().views}
        return [
            {
                "trigger_dag_id": self.deployment.dag_id(view.view)
                if view in files
                else self.deployment.service_id("rest"),
                "trigger_run_id": f"{action}__{view.view}__{run.run_id}",
                "conf": {
                    "action": action,
                    "reason": reason,
                    **({} if view in files else {"view": str(view)}),
                    **({"to": to} if (to := _to(plan)) is not None and action == "rollback" else {}),
                },
            }
            for view, plan in plans.items()
        ]


def _chosen(manager: ViewManager, params: Any) -> list[ViewName]:
    names, tags = params["views"] or [], params["tags"] or []
    if not names and not tags:
        raise ConfigurationError("no view is chosen", next="Trigger it again, with views or tags that the form offers")
    try:
        return sorted(manager.choose(names, tags=tags))
    except ProjectError as error:
        known = ", ".join(sorted(view.name.view for view in manager.project().views))
        raise form_error(
            error, f"Choose views that the form offers: {known}" if known else "Write a view file"
        ) from error


def _until(params: Any) -> datetime | None:
    text = str(params["until"] or "").strip()
    try:
        return parse_instant(text) if text else None
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"'{text}' is no moment", on="Until", next="Give a date and a time, such as 2026-01-31T18:00:00Z"
        ) from error


def _plan(manager: ViewManager, view: ViewName, action: str, reason: str) -> Plan | None:
    with with_form_advice(str(view)):
        match action:
            case "refresh":
                return manager.plan_refresh(str(view))
            case "rollback":
                return manager.plan_rollback(str(view), reason=reason)
            case "drop":
                return manager.plan_drop(str(view), reason=reason, allow_drop=True)
            case _:
                return None


def _to(plan: Plan | None) -> int | None:
    steps = plan.steps if plan else ()
    return next((step.number for step in steps if isinstance(step, ServeGeneration)), None)
