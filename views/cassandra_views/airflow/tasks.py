"""The tasks of one view's run: each plans that view anew and does its own kind of steps.

What a task does follows from the registry and the files alone, never from what a task before it said: so any
process of Airflow may be killed between any two of them, and people may run ``views apply`` meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.exceptions import AirflowSkipException

from cassandra_client.errors import ConfigurationError
from cassandra_views.airflow.deployment import Deployment, run_mark
from cassandra_views.airflow.failures import ERROR_KEY, as_airflow_errors, refused, with_form_advice
from cassandra_views.airflow.links import ViewLink
from cassandra_views.airflow.run_request import Action, RunRequest, read_run_request
from cassandra_views.airflow.task_log import LogListener, log_plan
from cassandra_views.airflow.triggers import build_trigger, find_ready_trigger
from cassandra_views.model.errors import ShrinkUnapproved, StalePlan
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.steps import AwaitBuild, Plan, ServeGeneration, Step
from cassandra_views.model.times import instant_text
from cassandra_views.plan.project_plan import is_original_drop, is_suspect_audit
from cassandra_views.plan.safeguards import find_withheld

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cassandra_views.manager import ViewManager

ATTEMPTS = 3
"""How often a plan is made anew where others were quicker."""


class ViewTask(BaseOperator):
    """A task of one view's run.

    Args:
        view: its name; None takes it from the run's parameters.
        kinds: the classes of the steps that it does.
        is_ddl: it waits for all nodes, and for other builds of the keyspace, before it begins.
    """

    operator_extra_links = (ViewLink(),)
    template_fields: Sequence[str] = ("view",)

    def __init__(
        self,
        *,
        deployment: Deployment,
        view: str | None,
        kinds: tuple[type[Step], ...] = (),
        is_ddl: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment
        self.view = view
        self.kinds = kinds
        self.is_ddl = is_ddl

    def run_request(self, context: Context) -> RunRequest:
        """Return what the run is asked for."""
        run = context["dag_run"]
        mark = run_mark(run.dag_id, f"{run.run_id}/{run.clear_number or 0}")
        return read_run_request(self.view, context["params"], by=run.triggering_user_name, mark=mark)

    @contextmanager
    def managed(self, context: Context) -> Iterator[tuple[ViewManager, RunRequest]]:
        """Open a manager; errors of ours become Airflow's."""
        request = self.run_request(context)
        with as_airflow_errors(context["ti"]):
            with self.deployment.managed(
                run=request.mark, author=request.author, listener=LogListener(self.log)
            ) as manager:
                yield manager, request

    def plan(self, manager: ViewManager, request: RunRequest, *, allow_drop: bool, allow_shrink: bool = False) -> Plan:
        """Return what is still to be done of what the run is asked for.

        What serves and is suspect is audited by ``views_audit``, which limits audits of all views together. The drop of
        the view that people made is asked for by a run of ``views_rest``, where no other run waits for the answer; such
        a run does nothing else for a view that has a file.
        """
        if not request.view:
            return base_plan(manager.plan())
        match request.action:
            case Action.REFRESH:
                plan = manager.plan_refresh(request.view, unless_run=request.mark, allow_shrink=allow_shrink)
            case Action.DROP:
                plan = manager.plan_drop(request.view, reason=request.why, allow_drop=True)
            case _:
                plan = manager.plan([request.view], allow_drop=allow_drop, allow_shrink=allow_shrink)
                files = {each.name for each in manager.project().views}
                if self.view is None and not files.isdisjoint(plan.views):
                    return plan.part(step for step in plan.steps if is_original_drop(step))
                if self.view is not None:
                    rest = plan.part(step for step in plan.steps if not is_original_drop(step))
                    plan = replace(rest, refused=plan.refused, deferred=plan.deferred)
        rest = plan.part(step for step in plan.steps if not is_suspect_audit(step))
        return replace(rest, refused=plan.refused, deferred=plan.deferred)

    def execute(self, context: Context) -> Any:
        """Do this task's steps; wait first where it is no time for them.

        Raises:
            AirflowSkipException: there are none.
        """
        with self.managed(context) as (manager, request):
            return self.do(manager, request, context)

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on after a wait."""
        if "error" in event:
            self.log.warning("%s", event["error"])
        return self.execute(context)

    def do(self, manager: ViewManager, request: RunRequest, context: Context) -> Any:
        """Do this task's steps of the plan as it is now."""
        for attempt in range(1, ATTEMPTS + 1):
            is_shrink = is_shrink_approved(manager, request, context)
            plan = self.plan(manager, request, allow_drop=is_approved(context), allow_shrink=is_shrink)
            part = plan.part(self.own_steps(plan))
            if not part.has_changes:
                raise AirflowSkipException("Nothing to do")
            if self.is_ddl:
                self.await_readiness(manager, request)
            try:
                outcome = manager.carry_out(part)
                for error in outcome.errors:
                    raise error
            except StalePlan as error:
                if attempt == ATTEMPTS:
                    raise
                self.log.info("%s Planning again.", error)
                continue
            return {"steps": outcome.done, "seconds": round(outcome.seconds, 3)}
        raise AssertionError  # the last attempt returns or raises

    def is_needed(self, plan: Plan) -> bool:
        """Tell whether a run of this plan needs this task."""
        return bool(self.own_steps(plan))

    def own_steps(self, plan: Plan) -> list[Step]:
        """Return the steps of a plan that are this task's."""
        return [step for step in plan.steps if isinstance(step, self.kinds)]

    def await_readiness(self, manager: ViewManager, request: RunRequest) -> None:
        """Defer until every node is up and nothing else is built in the keyspace; return where that is so now."""
        if not request.view:
            return
        view = manager.record(request.view).name
        trigger = find_ready_trigger(manager, self.deployment.conn_id, [view], self.log)
        if trigger is not None:
            self.defer(trigger=trigger, method_name="resume")


class ClearTask(ViewTask):
    """Makes what is missing below the view and takes away what is over: failed, replaced and unknown generations."""

    def own_steps(self, plan: Plan) -> list[Step]:
        """Return the steps before the first of the others: what is swept after the switch may still be read."""
        return list(takewhile(lambda step: isinstance(step, self.kinds), plan.steps))

    def do(self, manager: ViewManager, request: RunRequest, context: Context) -> Any:
        """Do as ``ViewTask``; a drop that was asked for also keeps the view from being created again."""
        if request.action is not Action.DROP:
            return super().do(manager, request, context)
        if not is_approved(context):
            raise AirflowSkipException("Nobody allowed the drop: the view is as it was")
        self.await_readiness(manager, request)
        outcome = manager.drop(request.view, reason=request.why, allow_drop=True)
        return {"steps": outcome.done, "seconds": round(outcome.seconds, 3)}


class PlanTask(ViewTask, SkipMixin):
    """Says what the run will do, and ends it where that is nothing."""

    def execute(self, context: Context) -> None:
        """Write the plan to the log, and skip the tasks that have nothing to do: each would take seconds.

        What they miss where the plan changes meanwhile is found by the next look of ``views_reconcile``.
        """
        with self.managed(context) as (manager, request):
            if request.action is Action.CONVERGE:
                plan = self.plan(manager, request, allow_drop=True)
            elif not request.view:
                raise ConfigurationError(
                    f"'{request.action}' needs a view", on="View", next="Trigger it again with the view's name"
                )
            else:
                with with_form_advice(request.view):
                    is_back = request.action is Action.ROLLBACK
                    plan = (
                        manager.plan_rollback(request.view, reason=request.why)
                        if is_back
                        else self.plan(manager, request, allow_drop=True)
                    )
            log_plan(self.log, plan)
        context["ti"].xcom_push(key="return_value", value={"steps": len(plan.steps), "notes": list(plan.notes)})
        below = [task for task in context["task"].get_flat_relatives(upstream=False) if isinstance(task, ViewTask)]
        if request.action is Action.ROLLBACK:
            # The task that switches audits as well: a rollback waits for nothing.
            plan = plan.part([step for step in plan.steps if isinstance(step, ServeGeneration)])
        if asks_for_shrink(plan):
            return  # what the answer leaves to do is not known yet
        idle = [task for task in below if not task.is_needed(plan)]
        # Where nothing is left to do nothing can fail either.
        self.skip(context["ti"], below if not plan.has_changes else idle)


class AwaitBuildTask(ViewTask):
    """Defers until the generation is built on every member, then writes that down."""

    def do(self, manager: ViewManager, request: RunRequest, context: Context) -> Any:
        """Look once; where the build has not ended, wait in the triggerer."""
        plan = self.plan(manager, request, allow_drop=False)
        step = next((each for each in plan.steps if isinstance(each, AwaitBuild)), None)
        if step is None:
            raise AirflowSkipException("Nothing is being built")
        if not manager.read_build(step.view, step.number).is_built:
            self.defer(trigger=build_trigger(self.deployment.conn_id, step), method_name="resume")
        return super().do(manager, request, context)


class ServeTask(ViewTask):
    """Sends readers to the generation that is built and audited; its asset's event says which."""

    def do(self, manager: ViewManager, request: RunRequest, context: Context) -> Any:
        """Switch, or roll back; then tell the asset what serves.

        Raises:
            AirflowSkipException: the generation holds far fewer rows than what serves; it stays built. This is no
                failure of the run: ``views_reconcile`` triggers one that asks a person.
        """
        if request.action is Action.ROLLBACK:
            found = self._roll_back(manager, request)
        else:
            try:
                found = super().do(manager, request, context)
            except ShrinkUnapproved as error:
                self.log.warning("%s: %s. %s.", error.on, error.what, error.remains)
                raise AirflowSkipException("A person is asked on the page Required Actions") from None
        record = manager.record(request.view)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = event_of(record)
        return found

    def _roll_back(self, manager: ViewManager, request: RunRequest) -> dict[str, Any]:
        serving = [each.number for each in manager.record(request.view).in_state(State.SERVING)]
        if request.to is not None and serving == [request.to]:
            # A former try of this task was killed after the switch: once more would go forward again.
            raise AirflowSkipException(f"Generation {request.to} serves already")
        outcome = manager.rollback(request.view, reason=request.why)
        return {"steps": outcome.done, "seconds": round(outcome.seconds, 3)}


class SettleTask(ViewTask):
    """Runs where a task before it failed: counts that, so that a view that fails again and again is frozen."""

    def is_needed(self, plan: Plan) -> bool:
        """It is wherever something may fail."""
        return plan.has_changes

    def execute(self, context: Context) -> None:
        """Write the failure to the registry, and fail the run.

        Raises:
            TaskRefused: always, with what became of the view.
        """
        ti = context["ti"]
        upstream = sorted(context["task"].get_flat_relative_ids(upstream=True))
        texts = [text for text in ti.xcom_pull(task_ids=upstream, key=ERROR_KEY) or [] if text]
        text = texts[-1] if texts else "a task of its run failed before it could say why"
        with self.managed(context) as (manager, request):
            if not request.view:
                raise refused(text)
            record = manager.note_failed_run(request.view, text)
        frozen = f" It is {record.override}." if record.override else ""
        raise refused(f"{record.failures} runs of {record.name} failed in a row.{frozen} {text}")


def base_plan(plan: Plan) -> Plan:
    """Return the part of a plan that belongs to no view: the registry, keyspaces, base tables."""
    return plan.part([step for step in plan.steps if not hasattr(step, "view")])


APPROVE = "approve"


def is_approved(context: Context) -> bool:
    """Tell whether the run's drops of whole views were allowed."""
    found = context["ti"].xcom_pull(task_ids=APPROVE)
    return bool(found and found.get("approved") and found.get("generation") is None)


def is_shrink_approved(manager: ViewManager, request: RunRequest, context: Context) -> bool:
    """Tell whether a person allowed the generation that waits now since it holds far fewer rows than what serves."""
    found = context["ti"].xcom_pull(task_ids=APPROVE)
    number = found.get("generation") if found and found.get("approved") else None
    if number is None:
        return False
    withheld = find_withheld(manager.record(request.view))
    return withheld is not None and withheld.number == number


def asks_for_shrink(plan: Plan) -> bool:
    """Tell whether all that is left is to ask a person about a generation with far fewer rows than what serves.

    What else is to be done comes first: the answer may take a day.
    """
    return not plan.has_changes and any(each.error == ShrinkUnapproved.__name__ for each in plan.refused)


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
