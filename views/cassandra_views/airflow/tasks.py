"""The tasks of one view's run: each plans that view anew and does its own kind of steps.

What a task does follows from the registry and the files alone, never from what a task before it said: so any
process of Airflow may be killed between any two of them, and people may run ``views apply`` meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.exceptions import AirflowSkipException

from cassandra_client.errors import ConfigurationError
from cassandra_views.airflow.asked import Action, Asked, asked_of
from cassandra_views.airflow.deployment import Deployment, run_mark
from cassandra_views.airflow.failures import ERROR_KEY, in_words_of_forms, refused, told
from cassandra_views.airflow.links import ViewLink
from cassandra_views.airflow.log import LogListener, tell_plan
from cassandra_views.airflow.triggers import ReadyTrigger
from cassandra_views.model.errors import ShrinkUnapproved, StalePlan
from cassandra_views.model.steps import Plan, ServeGeneration, Step
from cassandra_views.plan.safeguards import find_withheld

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cassandra_views.manager import ViewManager

_ATTEMPTS = 3
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

    def asked(self, context: Context) -> Asked:
        """Return what the run is asked for."""
        run = context["dag_run"]
        mark = run_mark(run.dag_id, f"{run.run_id}/{run.clear_number or 0}")
        return asked_of(self.view, context["params"], by=run.triggering_user_name, mark=mark)

    @contextmanager
    def managed(self, context: Context) -> Iterator[tuple[ViewManager, Asked]]:
        """Open a manager; errors of ours become Airflow's."""
        asked = self.asked(context)
        with told(context["ti"]):
            with self.deployment.managed(
                run=asked.mark, author=asked.author, listener=LogListener(self.log)
            ) as manager:
                yield manager, asked

    def plan(self, manager: ViewManager, asked: Asked, *, allow_drop: bool, allow_shrink: bool = False) -> Plan:
        """Return what is still to be done of what the run is asked for."""
        if not asked.view:
            return base_plan(manager.plan())
        match asked.action:
            case Action.REFRESH:
                return manager.plan_refresh(asked.view, unless_run=asked.mark, allow_shrink=allow_shrink)
            case Action.DROP:
                return manager.plan_drop(asked.view, reason=asked.why)
            case _:
                return manager.plan([asked.view], allow_drop=allow_drop, allow_shrink=allow_shrink)

    def execute(self, context: Context) -> Any:
        """Do this task's steps; wait first where it is no time for them.

        Raises:
            AirflowSkipException: there are none.
        """
        with self.managed(context) as (manager, asked):
            return self.do(manager, asked, context)

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on after a wait."""
        if "error" in event:
            self.log.warning("%s", event["error"])
        return self.execute(context)

    def do(self, manager: ViewManager, asked: Asked, context: Context) -> Any:
        """Do this task's steps of the plan as it is now."""
        for attempt in range(1, _ATTEMPTS + 1):
            is_shrink = is_shrink_approved(manager, asked, context)
            plan = self.plan(manager, asked, allow_drop=is_approved(context), allow_shrink=is_shrink)
            part = plan.part(self.own_steps(plan))
            if not part.has_changes:
                raise AirflowSkipException("Nothing to do")
            if self.is_ddl:
                self.await_readiness(manager, asked)
            try:
                outcome = manager.carry_out(part)
                for error in outcome.errors:
                    raise error
            except StalePlan as error:
                if attempt == _ATTEMPTS:
                    raise
                self.log.info("%s Planning anew.", error)
                continue
            return {"steps": outcome.done, "seconds": round(outcome.seconds, 3)}
        raise AssertionError  # the last attempt returns or raises

    def is_needed(self, plan: Plan) -> bool:
        """Tell whether a run of this plan needs this task."""
        return bool(self.own_steps(plan))

    def own_steps(self, plan: Plan) -> list[Step]:
        """Return the steps of a plan that are this task's."""
        return [step for step in plan.steps if isinstance(step, self.kinds)]

    def await_readiness(self, manager: ViewManager, asked: Asked) -> None:
        """Defer until every node is up and nothing else is built in the keyspace; return where that is so now."""
        if not asked.view:
            return
        record = manager.record(asked.view)
        own = [each.physical for each in record.generations]
        waits = manager.waits(record.name, own=own)
        if waits:
            self.log.info("%s waits: %s", record.name, "; ".join(waits))
            trigger = ReadyTrigger(
                conn_id=self.deployment.conn_id, keyspace=record.name.keyspace, view=record.name.view, own=own
            )
            self.defer(trigger=trigger, method_name="resume")


class ClearTask(ViewTask):
    """Makes what is missing below the view and takes away what is over: failed, replaced and unknown generations."""

    def own_steps(self, plan: Plan) -> list[Step]:
        """Return the steps before the first of the others: what is swept after the switch may still be read."""
        return list(takewhile(lambda step: isinstance(step, self.kinds), plan.steps))

    def do(self, manager: ViewManager, asked: Asked, context: Context) -> Any:
        """Do as ``ViewTask``; a drop that was asked for also keeps the view from being created again."""
        if asked.action is not Action.DROP:
            return super().do(manager, asked, context)
        if not is_approved(context):
            raise AirflowSkipException("Nobody allowed the drop: the view is as it was")
        self.await_readiness(manager, asked)
        outcome = manager.drop(asked.view, reason=asked.why)
        return {"steps": outcome.done, "seconds": round(outcome.seconds, 3)}


class PlanTask(ViewTask, SkipMixin):
    """Says what the run will do, and ends it where that is nothing."""

    def execute(self, context: Context) -> None:
        """Write the plan to the log, and skip the tasks that have nothing to do: each would take seconds.

        What they miss where the plan changes meanwhile is found by the next look of ``views_reconcile``.
        """
        with self.managed(context) as (manager, asked):
            if asked.action is Action.CONVERGE:
                plan = self.plan(manager, asked, allow_drop=True)
            elif not asked.view:
                raise ConfigurationError(
                    f"'{asked.action}' needs a view", on="View", next="Trigger it again with the view's name"
                )
            else:
                with in_words_of_forms(asked.view):
                    is_back = asked.action is Action.ROLLBACK
                    plan = (
                        manager.plan_rollback(asked.view, reason=asked.why)
                        if is_back
                        else self.plan(manager, asked, allow_drop=True)
                    )
            tell_plan(self.log, plan)
        context["ti"].xcom_push(key="return_value", value={"steps": len(plan.steps), "notes": list(plan.notes)})
        below = [task for task in context["task"].get_flat_relatives(upstream=False) if isinstance(task, ViewTask)]
        if asked.action is Action.ROLLBACK:
            # The task that switches audits as well: a rollback waits for nothing.
            plan = plan.part([step for step in plan.steps if isinstance(step, ServeGeneration)])
        if asks_for_shrink(plan):
            return  # what the answer leaves to do is not known yet
        idle = [task for task in below if not task.is_needed(plan)]
        # Where nothing is left to do nothing can fail either.
        self.skip(context["ti"], below if not plan.has_changes else idle)


class SettleTask(ViewTask):
    """Runs where a task before it failed: counts that, so that a view that fails again and again is frozen."""

    def is_needed(self, plan: Plan) -> bool:
        """It is wherever something may fail."""
        return plan.has_changes

    def execute(self, context: Context) -> None:
        """Write the failure to the registry, and fail the run.

        Raises:
            Refused: always, with what became of the view.
        """
        ti = context["ti"]
        upstream = sorted(context["task"].get_flat_relative_ids(upstream=True))
        texts = [text for text in ti.xcom_pull(task_ids=upstream, key=ERROR_KEY) or [] if text]
        text = texts[-1] if texts else "a task of its run failed before it could say why"
        with self.managed(context) as (manager, asked):
            if not asked.view:
                raise refused(text)
            record = manager.note_failed_run(asked.view, text)
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


def is_shrink_approved(manager: ViewManager, asked: Asked, context: Context) -> bool:
    """Tell whether a person allowed the generation that waits now since it holds far fewer rows than what serves."""
    found = context["ti"].xcom_pull(task_ids=APPROVE)
    number = found.get("generation") if found and found.get("approved") else None
    if number is None:
        return False
    withheld = find_withheld(manager.record(asked.view))
    return withheld is not None and withheld.number == number


def asks_for_shrink(plan: Plan) -> bool:
    """Tell whether all that is left is to ask a person about a generation with far fewer rows than what serves.

    What else is to be done comes first: the answer may take a day.
    """
    return not plan.has_changes and any(each.error == ShrinkUnapproved.__name__ for each in plan.refused)
