"""``views_reconcile`` plans all views and triggers the runs that are needed; ``views_audit`` audits what serves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable

from cassandra_views.airflow.deployment import Deployment, make_dag
from cassandra_views.airflow.failures import RETRIES, as_airflow_errors, refused
from cassandra_views.airflow.links import ViewLink
from cassandra_views.airflow.task_log import LogListener
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import DropGeneration
from cassandra_views.plan.audit_schedule import AuditCost, views_for_spark, views_of_tonight
from cassandra_views.plan.explain import explain_all
from cassandra_views.plan.project_plan import ViewWork

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cassandra_views.manager import ViewManager

LONGEST_PAUSE = timedelta(hours=1)
EVENT_PATIENCE = timedelta(hours=1)
"""How long a slide that waits for its base's event may be late before it is done without one."""

LAG_PATIENCE = timedelta(hours=6)
"""A promise of hours is waited for as long."""

AUDITS_AT_ONCE = 2
"""Audits that read the cluster at the same time."""

LARGE_KEY = "large_views"
"""Under this key a task leaves the views that Spark audits."""


def reconcile_dag(deployment: Deployment, every: timedelta) -> DAG:
    """Return the DAG that looks each ``every``."""
    with make_dag(
        deployment.service_id("reconcile"),
        description="Looks whether the views are as their files say, and triggers the runs of those that are not",
        doc_md=(
            "Plans, and marks what became suspect. A view has something to do when it is missing or its run was "
            "interrupted, when its window is due, its file changed, a replaced generation's grace "
            "is over, or somebody changed it by hand. Its own DAG does that. A view whose runs fail is tried again "
            "after 1, 2, 4 ... minutes, at most an hour. A run that asks a person is triggered once for each "
            "question. The audit of a view that is suspect is left to `views_audit`."
        ),
        schedule=every,
    ) as dag:
        look = LookTask(task_id="look", deployment=deployment, execution_timeout=timedelta(minutes=5))
        # Its run ids are its own, so that no two runs are asked for at one moment's logical date.
        TriggerDagRunOperator.partial(
            task_id="trigger",
            logical_date=None,
            skip_when_already_exists=True,
            map_index_template="{{ task.trigger_dag_id }}",
        ).expand_kwargs(look.output)
    return dag


class LookTask(BaseOperator):
    """Plans all views and returns the runs to trigger, as arguments of ``TriggerDagRunOperator``."""

    def __init__(self, *, deployment: Deployment, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Look at everything in one round of reads."""
        now = datetime.now(UTC)
        with as_airflow_errors(context["ti"]), self.deployment.managed() as manager:
            manager.find_suspects()
            works = find_works(manager, now, self.log)
            files = {each.name for each in manager.project().views}
        found = []
        for work in works:
            run = run_of(work, self.deployment, files, now)
            dag_id, run_id = run["trigger_dag_id"], run["trigger_run_id"]
            is_asked = asks_person(work) and context["ti"].get_dr_count(dag_id, run_ids=[run_id])
            if not is_asked and not self._is_active(dag_id, run_id, context):
                found.append(run)
        return found

    def _is_active(self, dag_id: str, run_id: str, context: Context) -> bool:
        """Tell whether a run that does this is under way or waits for its turn."""
        is_own = dag_id != self.deployment.service_id("rest")
        run_ids = None if is_own else [run_id]
        return bool(context["ti"].get_dr_count(dag_id, run_ids=run_ids, states=["queued", "running"]))


def find_works(manager: ViewManager, now: datetime, log: Any) -> list[ViewWork]:
    """Return what is to be done now, one entry a view; told in the log."""
    for broken in manager.project().broken:
        log.error("%s: %s", broken.view, broken.error)
    files = {each.name for each in manager.project().views}
    planned_works: list[ViewWork] = []
    for each in manager.plan_each(allow_drop=True):
        # While a person is asked about a view that people made, nothing else of the view waits.
        is_split = each.name in files and bool(each.original_part.steps)
        planned_works += [each.without_original_drop(), each.original_part] if is_split else [each]
    found = []
    for planned in planned_works:
        # One event of the ring makes all views suspect: their audits are limited in views_audit, and no slide waits.
        work = planned.without_suspect_audits()
        on = work.name or "base tables"
        if work.error is not None:
            log.error("%s: %s", on, work.error)
        for line in explain_all(work.steps):
            log.info("%s %s: %s", line.sign, line.subject, line.text)
        if work != planned:
            log.info("%s: it is suspect; views_audit audits it before others", on)
        waits = work.waits_for_person and not asks_person(work)
        if not work.steps and (waits or work.error is None):
            continue
        pause = pause_after(work.failures)
        if work.failed_at is not None and work.failed_at + pause > now:
            log.info("%s: %s runs failed; it is tried again after %s", on, work.failures, work.failed_at + pause)
        elif work.awaits_event and work.lag < EVENT_PATIENCE:
            log.info("%s: its slide waits for the event of its base table", on)
        else:
            found.append(work)
    views = [work for work in found if work.name is not None]
    # Each view's own run makes what it needs of keyspaces and tables.
    return views or found


def pause_after(failures: int) -> timedelta:
    """Return how long a view is left alone after so many failed runs in a row."""
    return min(timedelta(minutes=2 ** min(max(failures - 1, 0), 10)), LONGEST_PAUSE) if failures else timedelta()


def asks_person(work: ViewWork) -> bool:
    """Tell whether the run of this work asks a person and does nothing before: once for each state of the view."""
    return work.needs_approval or (work.withheld is not None and not work.steps)


def run_of(work: ViewWork, deployment: Deployment, files: set[ViewName], now: datetime) -> dict[str, Any]:
    """Return the run that does a view's work."""
    view = work.name.view if work.name else ""
    has_dag = work.name in files and not work.original_part.steps
    mark = f"{view or 'tables'}__{work.revision or 'none'}"
    if work.needs_approval:
        # A mark that a generation is suspect changes the revision and not the question.
        numbers = "_".join(f"g{step.number}" for step in work.steps if isinstance(step, DropGeneration))
        run_id = f"drop__{view}__{numbers}"
    elif work.withheld is not None and asks_person(work):
        # An audit of what serves, or another's decision, changes the revision and not the question.
        run_id = f"shrink__{view}__g{work.withheld.number}_over_g{work.withheld.compared_to}"
    elif has_dag:
        run_id = f"reconcile__{view}__{now:%Y-%m-%dT%H:%M:%S}"
    else:
        # One DAG for all of these: the same work is under way under the same id, and is tried again each hour.
        run_id = f"reconcile__{mark}__{now:%Y-%m-%dT%H}"
    return {
        "trigger_dag_id": deployment.dag_id(view) if has_dag else deployment.service_id("rest"),
        "trigger_run_id": run_id,
        "conf": {} if has_dag else {"view": str(work.name) if work.name else ""},
    }


def audit_dag(deployment: Deployment, cron: str, spark_conn_id: str | None) -> DAG:
    """Return the DAG that audits each view that serves.

    Args:
        spark_conn_id: the SSH connection of the Spark master that audits large views; None audits all in Airflow.
    """
    with make_dag(
        deployment.service_id("audit"),
        description="Compares the views that serve with their base tables",
        doc_md=(
            "One task a view, suspect ones first. Views of many rows (`audit.full_rows` of views.toml) are spread"
            " over the week: first those whose last full audit is the longest ago. A generation that differs "
            "stays where it is until `views_reconcile` has had the next one built: readers are better off with it"
            " than with none. Beside the audits the lag of each view whose file promises one is measured each night."
        ),
        schedule=CronTriggerTimetable(cron, timezone="UTC"),
        retries=RETRIES,
    ) as dag:
        serving = ServingTask(task_id="serving", deployment=deployment, has_spark=spark_conn_id is not None)
        AuditTask.partial(
            task_id="audit",
            deployment=deployment,
            max_active_tis_per_dagrun=AUDITS_AT_ONCE,
            map_index_template="{{ task.view }}",
            execution_timeout=timedelta(hours=6),
        ).expand(view=serving.output)
        if spark_conn_id is not None:
            from cassandra_views.airflow.spark_audit import SparkAuditTask

            large = LargeViewsTask(task_id="serving_large", chosen_by=serving.task_id)
            serving >> large
            SparkAuditTask.partial(
                task_id="audit_by_spark",
                registry=deployment.settings().env.registry,
                rows_per_second=deployment.settings().env.audit.rows_per_second,
                ssh_conn_id=spark_conn_id,
                max_active_tis_per_dagrun=1,
                map_index_template="{{ task.view }}",
            ).expand(view=large.output)
        promising = PromisingTask(task_id="promising", deployment=deployment)
        LagTask.partial(
            task_id="lag",
            deployment=deployment,
            max_active_tis_per_dagrun=1,
            map_index_template="{{ task.view }}",
            execution_timeout=LAG_PATIENCE,
        ).expand(view=promising.output)
    return dag


class ServingTask(BaseOperator):
    """Returns the views that serve and are audited in full tonight.

    Args:
        has_spark: views of more rows than ``audit.spark_rows`` are audited by Spark. They are not returned but left for
            ``LargeViewsTask``, so that all of them are chosen at once, by one look at the registry.
    """

    def __init__(self, *, deployment: Deployment, has_spark: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment
        self.has_spark = has_spark

    def execute(self, context: Context) -> list[str]:
        """Read the registry."""
        with as_airflow_errors(context["ti"]), self.deployment.managed() as manager:
            manager.find_suspects()
            found = [AuditCost.of(each.name, each.generations) for each in manager.status()]
            costs = [each for each in found if each is not None]
            views = views_of_tonight(costs, full_rows=manager.settings.env.audit.full_rows)
            for each in costs:
                if each.is_suspect:
                    self.log.warning("%s is suspect, so it is audited before others", each.view)
            later = len(costs) - len(views)
            if later:
                self.log.info("%s large views are audited in full on another night of this week", later)
            spark_rows = manager.settings.env.audit.spark_rows
            large = views_for_spark(costs, spark_rows=spark_rows) if self.has_spark else frozenset()
            context["ti"].xcom_push(key=LARGE_KEY, value=[str(view) for view in views if view in large])
            return [str(view) for view in views if view not in large]


class LargeViewsTask(BaseOperator):
    """Returns the views that ``ServingTask`` left for Spark: Airflow maps tasks over what a task returns alone.

    Args:
        chosen_by: the id of that task.
    """

    def __init__(self, *, chosen_by: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chosen_by = chosen_by

    def execute(self, context: Context) -> list[str]:
        """Take them over."""
        found: list[str] | None = context["ti"].xcom_pull(task_ids=self.chosen_by, key=LARGE_KEY)
        return found or []


class OneViewTask(BaseOperator):
    """What tasks have in common that are mapped over views."""

    operator_extra_links = (ViewLink(),)
    template_fields = ("view",)

    def __init__(self, *, deployment: Deployment, view: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment
        self.view = view


class AuditTask(OneViewTask):
    """Audits the generation of one view that serves."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare; a difference fails this task and is written into the registry.

        Raises:
            TaskRefused: the generation differs from its base.
        """
        with (
            as_airflow_errors(context["ti"]),
            self.deployment.managed(author="airflow", listener=LogListener(self.log)) as manager,
        ):
            outcome = manager.audit(self.view)
            for error in outcome.errors:
                raise error
        return {"seconds": round(outcome.seconds, 3)}


class PromisingTask(BaseOperator):
    """Returns the views that serve and whose files promise a lag, however and whenever they are audited."""

    def __init__(self, *, deployment: Deployment, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment

    def execute(self, context: Context) -> list[str]:
        """Read the files and the registry."""
        with as_airflow_errors(context["ti"]), self.deployment.managed() as manager:
            promising = {each.name for each in manager.project().views if each.lag.promise}
            return [str(each.name) for each in manager.status() if each.name in promising and each.serving]


class LagTask(OneViewTask):
    """Measures the lag of one view that promises one."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Measure, and keep the lag in the registry.

        Raises:
            TaskRefused: the view shows writes later than its file promises.
        """
        with as_airflow_errors(context["ti"]), self.deployment.managed(author="airflow") as manager:
            (report,) = manager.measure_lag(self.view)
            if report.error is not None:
                raise report.error
            self.log.info("%s: its lag is %s: %s", report.view, report.lag, report.lag.found)
            if report.is_broken:
                raise refused(f"{report.view} breaks its promise: its lag is {report.lag}. {report.writes}")
        return {"seconds": report.lag.seconds, "promise": report.lag_promise}
