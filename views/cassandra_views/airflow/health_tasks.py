"""The tasks of ``cluster_health`` and ``cluster_services``: each works on what the journal says is under way.

What a task does follows from the journal alone, never from what a task before it said: so any process of Airflow may be
killed between any two of them, and people may run ``views cluster heal`` meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from cassandra_client.errors import ClusterError, ViewsError
from cassandra_healing.decision import Decision
from cassandra_healing.errors import (
    ExecutorBusy,
    HealingError,
    MissingSetting,
    OperationNotStarted,
    OperatorRequired,
    StepOutOfOrder,
)
from cassandra_healing.model import CLUSTER, HealingAction, MemberId
from cassandra_healing.monitor import ClusterMonitor, HealthReport
from cassandra_healing.operation_progress import OperationProgress, OperationStep
from cassandra_healing.operations.executor import OperationExecutor
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.failures import as_airflow_errors, refused
from cassandra_views.airflow.health_trigger import AUTHOR, NodeReadyTrigger
from cassandra_views.airflow.hook import ViewsHook
from cassandra_views.healing import healing
from cassandra_views.model.generation import State
from cassandra_views.model.names import counted
from cassandra_views.project.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context
    from cassandra.cluster import Session

YES, NO = "Do it", "Do not"
PAGE_KEY = "page"


class HealthTask(BaseOperator):
    """A task that opens an executor and its monitor."""

    def __init__(self, *, deployment: Deployment, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment

    @contextmanager
    def opened(self, context: Context) -> Iterator[tuple[Session, Settings]]:
        """Open a session on the cluster of the connection; errors of ours become Airflow's.

        Raises:
            TaskRefused: a person must see to it first.
            AirflowException: the task may be tried again.
        """
        with as_airflow_errors(context["ti"]):
            access = ViewsHook(self.deployment.conn_id).access()
            settings = self.deployment.reached(access)
            try:
                with access.opened() as session:
                    yield session, settings
            except (OperatorRequired, MissingSetting) as error:
                raise refused(str(error)) from error
            except (ClusterError, HealingError) as error:
                raise AirflowException(str(error)) from error

    @contextmanager
    def healing_executor(
        self, context: Context, *, is_patient: bool = True
    ) -> Iterator[tuple[OperationExecutor, ClusterMonitor]]:
        """Open an executor and its monitor; errors as ``opened``.

        Args:
            is_patient: without it a node is checked once, and not waited for.
        """
        with self.opened(context) as (session, settings):
            if not is_patient:
                env = settings.env.model_copy(update={"healing": settings.env.healing.without_waiting()})
                settings = settings.model_copy(update={"env": env})
            with healing(session, settings, author=AUTHOR, on_progress=self.log.info) as found:
                yield found

    def find(self, executor: OperationExecutor, step: OperationStep) -> OperationProgress:
        """Return the operation on the nodes whose next step this is.

        Raises:
            AirflowSkipException: there is none, or it needs no such step, or that was done.
            AirflowException: a step before it is not done.
        """
        progress = executor.under_way()
        if progress is None:
            raise AirflowSkipException("Nothing is under way")
        if step not in progress.steps or step in progress.done:
            raise AirflowSkipException(f"The {progress.act} of {progress.node} has no step {step} to do")
        if progress.next is not step:
            raise AirflowException(f"The {progress.act} of {progress.node} is at {progress.next}, not at {step}")
        return progress

    def execute_step(self, context: Context, step: OperationStep, *, is_patient: bool = True) -> dict[str, Any]:
        """Do the step that is next; errors as ``find``."""
        with self.healing_executor(context, is_patient=is_patient) as (executor, _monitor):
            return _result(executor.execute_step(self.find(executor, step), step))


def pages_of(context: Context) -> list[str]:
    """Return what the event that began this run says a person must look at."""
    events = [each for found in context["triggering_asset_events"].values() for each in found]
    payloads = [(each.extra or {}).get("payload") for each in events]
    return [text for each in payloads if isinstance(each, dict) for text in each.get("pages", ())]


@contextmanager
def paging_on_failure(context: Context) -> Iterator[None]:
    """Call a person at once where one is to be called and the cluster cannot be asked.

    Raises: TaskRefused: what the triggerer saw, and why it cannot be seen now.
    """
    try:
        yield
    except AirflowSkipException:
        raise
    except AirflowException as error:
        if pages := pages_of(context):
            raise refused(f"{' '.join(pages)} {error}") from error
        raise


class DecideTask(HealthTask, SkipMixin):
    """Checks once, and begins what is decided, or finds what is under way; skips the steps that it does not need."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the operation in a few words, or nothing; what a person must see goes to the task ``page``."""
        with paging_on_failure(context), self.healing_executor(context) as (executor, monitor):
            report = monitor.check_surely()
            log_report(self.log, report)
            page = page_text(report.decision)
            if not page and report.assessment.trouble_since is not None:
                # The triggerer has seen it for longer than this process, which knows no more than the cluster keeps.
                page = " ".join(pages_of(context))
            if page:
                context["ti"].xcom_push(key=PAGE_KEY, value=page)
            progress = executor.begin_or_resume(report)
        needed = () if progress is None else progress.steps
        tasks = [task for task in context["task"].get_flat_relatives(upstream=False) if task.task_id != "page"]
        idle = [each for each in tasks if each.task_id not in needed or (progress and each.task_id in progress.done)]
        self.skip(context["ti"], idle)
        if progress is None:
            return {}
        told = {"act": progress.act, "node": progress.node, "next": progress.next}
        return {"operation": str(progress.id), **{key: str(value) for key, value in told.items()}}


class DecideServicesTask(HealthTask):
    """Checks once, and begins what is decided about each service, or finds what is under way."""

    def execute(self, context: Context) -> list[str]:
        """Return the services with an operation under way; what a person must see goes to the task ``page``.

        Raises: AirflowSkipException: nothing is to be done.
        """
        found: list[str] = []
        pages: list[str] = []
        failed: ViewsError | None = None
        with paging_on_failure(context), self.healing_executor(context) as (executor, monitor):
            report = monitor.check()
            log_report(self.log, report)
            for each in report.services:
                pages += filter(None, [page_text(each.decision)])
                try:
                    if executor.begin_or_resume(report, each.target) is not None:
                        found.append(each.decision.on)
                except (ExecutorBusy, OperationNotStarted) as error:
                    self.log.info("%s", error)
                except ViewsError as error:
                    self.log.warning("%s", error)
                    failed = error
            if pages:
                context["ti"].xcom_push(key=PAGE_KEY, value=" ".join(pages))
            try:
                executor.withdraw_unwatched(report)
            except ExecutorBusy as error:
                self.log.info("%s", error)
            if failed is not None and not found:
                raise failed
        if not found and not pages:
            raise AirflowSkipException("Nothing is to be done")
        return found


class PageTask(BaseOperator):
    """Fails where a person must look: failure callbacks and the page of failed runs call them."""

    def execute(self, context: Context) -> None:
        """Say it.

        Raises: TaskRefused: the text.
        """
        text = context["ti"].xcom_pull(task_ids="decide", key=PAGE_KEY)
        if text:
            raise refused(text)
        raise AirflowSkipException("No action is needed")


class ApproveOperationTask(HealthTask, HITLOperator):
    """Asks a person whether an operation on a node may be carried out; nobody's answer is a no."""

    template_fields: Sequence[str] = ("subject", "body")

    def __init__(self, *, deployment: Deployment, **kwargs: Any) -> None:
        super().__init__(deployment=deployment, subject="Heal the cluster?", options=[YES, NO], defaults=NO, **kwargs)

    def execute(self, context: Context) -> Any:
        """Ask; where somebody answered on the command line already, go on at once."""
        with self.healing_executor(context) as (executor, _monitor):
            progress = self.find_own(executor)
            if not progress.is_waiting:
                return self.continue_operation(executor, progress)
        self.subject = f"{str(progress.act).capitalize()} {progress.node}?"
        self.body = approval_text(progress)
        context["ti"].xcom_push(key="operation", value=str(progress.id))
        return HITLOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer, and do what it says."""
        answer = HITLOperator.execute_complete(self, context, event)
        user = (answer.get("responded_by_user") or {}).get("name", "")
        map_index = context["ti"].map_index
        asked = context["ti"].xcom_pull(task_ids=self.task_id, key="operation", map_indexes=map_index)
        with self.healing_executor(context) as (executor, _monitor):
            progress = executor.under_way(self.target)
            if progress is None or (asked and str(progress.id) != asked) or progress.next is not OperationStep.APPROVE:
                raise AirflowSkipException("The operation has been answered or has ended since")
            if progress.is_waiting:
                by = f"{AUTHOR}:{user}" if user else AUTHOR
                if answer["chosen_options"] == [YES]:
                    progress = executor.approve(progress, "said so in Airflow", by=by)
                else:
                    why = "said no in Airflow" if user else "nobody answered in Airflow"
                    progress = executor.refuse(progress, why, by=by)
            return self.continue_operation(executor, progress)

    @property
    def target(self) -> str:
        """Return whose operation it is."""
        return CLUSTER

    def find_own(self, executor: OperationExecutor) -> OperationProgress:
        """Return the operation; errors as ``find``."""
        return self.find(executor, OperationStep.APPROVE)

    def continue_operation(self, executor: OperationExecutor, progress: OperationProgress) -> Any:
        """Go on where nobody is asked, or somebody has answered: to the next task."""
        return _result(executor.execute_step(progress, OperationStep.APPROVE))


class HealServiceTask(ApproveOperationTask):
    """Restarts or replaces one service, after a person said so where its mode is ``approve``.

    Args:
        service: its name.
    """

    template_fields: Sequence[str] = ("service", "subject", "body")

    def __init__(self, *, service: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service = service

    @property
    def target(self) -> str:
        """Return whose operation it is."""
        return MemberId.of_service(self.service).target

    def find_own(self, executor: OperationExecutor) -> OperationProgress:
        """Return the operation.

        Raises: AirflowSkipException: there is none.
        """
        progress = executor.under_way(self.target)
        if progress is None:
            raise AirflowSkipException(f"Nothing is under way for {self.service}")
        return progress

    def continue_operation(self, executor: OperationExecutor, progress: OperationProgress) -> Any:
        """Execute all steps.

        Raises: AirflowSkipException: a person said no, the reason no longer holds, or another process executes them.
        """
        try:
            found = executor.run(progress)
        except (ExecutorBusy, StepOutOfOrder) as error:
            raise AirflowSkipException(str(error)) from error
        if found.outcome is None or found.outcome.is_idle:
            raise AirflowSkipException(f"The {found.act} of {self.service} is {found.outcome or 'waiting'}")
        return _result(found)


class OperationStepTask(HealthTask):
    """Does one step.

    Args:
        step: which.
    """

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step

    def execute(self, context: Context) -> Any:
        """Do it, once it is its turn."""
        return self.execute_step(context, OperationStep(self.step))


class AwaitNodeTask(OperationStepTask):
    """Waits until the node is up and in the ring, without a worker slot; then writes that down."""

    def execute(self, context: Context) -> Any:
        """Wait in the triggerer, where there is something to wait for."""
        with self.healing_executor(context) as (executor, _monitor):
            progress = self.find(executor, OperationStep.NORMAL)
            policy = executor.policy
        seconds = policy.ready_seconds(progress.act)
        trigger = NodeReadyTrigger(**self.deployment.to_dict(), address=progress.node.address, timeout_seconds=seconds)
        self.defer(trigger=trigger, method_name="resume")

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Check a last time and record it; what it still lacks is an error there."""
        if event.get("trouble"):
            self.log.warning("It is not in the ring: %s", event["trouble"])
        return self.execute_step(context, OperationStep.NORMAL, is_patient=False)


class AuditClusterTask(OperationStepTask):
    """Audits the views that serve, and what the audit command checks."""

    def execute(self, context: Context) -> Any:
        """Audit; a view that differs fails this task and is built again by ``views_reconcile``."""
        with self.healing_executor(context) as (executor, _monitor):
            progress = self.find(executor, OperationStep.AUDIT)
        errors = self._audit(context, f"{progress.act} of node {progress.node}")
        found = self.execute_step(context, OperationStep.AUDIT)
        if errors:
            differ = "differs" if len(errors) == 1 else "differ"
            raise refused(f"The node is replaced, and {counted(len(errors), 'view')} {differ}: {'; '.join(errors)}")
        return found

    def _audit(self, context: Context, reason: str) -> list[str]:
        errors = []
        with as_airflow_errors(context["ti"]), self.deployment.managed(author=AUTHOR) as manager:
            # First what changed with the node: seen later, it would make them suspect again.
            manager.find_suspects()
            # They stay suspect where this task is killed: its next try, an audit or apply begins with them.
            is_first = context["ti"].try_number == 1
            if is_first:
                manager.suspect_all(reason=reason)
            for view in manager.status():
                serving = [each for each in view.generations if each.state is State.SERVING]
                if any(is_first or each.suspicion is not None for each in serving):
                    outcome = manager.audit(str(view.name))
                    self.log.info("%s: audited in %.1f s", view.name, outcome.seconds)
                    errors += [str(error) for error in outcome.errors]
        return errors


def log_report(log: Any, report: HealthReport) -> None:
    """Write what a check found into a log."""
    for health in report.assessment.nodes:
        log.info("%s is %s: %s", health.node.id, health.verdict, "; ".join(map(str, health.observations)))
    for decision in (report.decision, *(each.decision for each in report.services)):
        on = f"{decision.on}: " if decision.on else ""
        log.info("%s%s (%s): %s. %s.", on, decision.act, decision.rule, decision.what, decision.next)
    for note in report.notes:
        log.warning("%s", note)


def page_text(decision: Decision) -> str:
    """Return the text of a page, or nothing."""
    if decision.act is not HealingAction.PAGE:
        return ""
    return f"{decision.on}: {decision.what}. {decision.remains}. {decision.next}."


def approval_text(progress: OperationProgress) -> str:
    """Return what a person is asked, with all that speaks for it."""
    name = progress.node.address if progress.node.is_service else f"{progress.node} ({progress.node.host_id})"
    lines = [f"{name}: {progress.what}", ""]
    lines += [f"- {each}" for each in progress.evidence]
    if progress.plan:
        path, address, actions, digest = progress.plan
        lines += ["", f"The plan: {actions} `{address}`, and nothing else ({path}, SHA-256 {digest})"]
    lines += ["", f"Operation {progress.short_id}. On the command line: `views cluster approve {progress.short_id}`."]
    return "\n".join(lines)


def _result(progress: OperationProgress) -> dict[str, Any]:
    return {"next": str(progress.next), "outcome": str(progress.outcome) if progress.outcome else None}
