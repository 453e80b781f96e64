"""Operators for DAGs of one's own, where ``view_dags`` is not used or not enough: apply views, and audit them.

They do by the same code what the tasks of ``view_dags`` do (``tasks``, ``triggers``), for any number of views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import AssetAlias, BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from cassandra_client.errors import ViewsError
from cassandra_views.airflow.deployment import Deployment, run_mark
from cassandra_views.airflow.failures import NOT_AGAIN, as_task_failures, failed, is_refused
from cassandra_views.airflow.hook import ViewsHook
from cassandra_views.airflow.links import ViewLink
from cassandra_views.airflow.run_request import RunRequest
from cassandra_views.airflow.task_log import LogListener, log_plan
from cassandra_views.airflow.tasks import ATTEMPTS, event_of
from cassandra_views.airflow.triggers import build_trigger, find_ready_trigger
from cassandra_views.apply.audit_outcomes import AuditCollector
from cassandra_views.model.audit_request import AuditKind, AuditRequest
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Plan, ServeGeneration
from cassandra_views.plan.ready_steps import ReadyPart, split_ready

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from cassandra_views.apply.reports import Listener, Report
    from cassandra_views.manager import ViewManager

ASSET_ALIAS = "cassandra_views"
"""The alias through which assets of views have events; the prefix of the deployment stands before it."""


class ViewsOperator(BaseOperator):
    """What the operators have in common: which views, of which files, on which cluster.

    Errors end a task with their text and no traceback. What our rules or the server refuse is not tried again, however
    many ``retries`` there are; a cluster that was away is.

    :param templates: the folder that holds ``views/`` and ``tables/``, from the folder of the DAG file; ``views.toml``
        in or above it is read. (templated)
    :param views: ``view`` or ``keyspace.view``, one or several; None and no ``tags``: all of the project. An empty list
        skips the task. (templated)
    :param tags: also the views whose files have any of these tags. (templated)
    :param env: which environment of views.toml; None for its default. (templated)
    :param cassandra_conn_id: a connection of the type ``cassandra_views`` or ``cassandra``. (templated)
    :param dag_id_prefix: as ``view_dags`` is given it, where one Airflow keeps several clusters: it is in the names of
        the assets.
    """

    operator_extra_links = (ViewLink(),)
    template_fields: Sequence[str] = ("templates", "views", "tags", "env", "cassandra_conn_id")

    def __init__(
        self,
        *,
        templates: str,
        views: str | Sequence[str] | None = None,
        tags: str | Sequence[str] = (),
        env: str | None = None,
        cassandra_conn_id: str = ViewsHook.default_conn_name,
        dag_id_prefix: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"retry_policy": NOT_AGAIN, **kwargs})
        self.templates = templates
        self.views = views
        self.tags = tags
        self.env = env
        self.cassandra_conn_id = cassandra_conn_id
        self.dag_id_prefix = dag_id_prefix

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names that are given; None for all views.

        Raises:
            AirflowSkipException: an empty list and no tag is given, as by a task before that found nothing to do.
        """
        if self.views is None:
            return () if self.chosen_tags else None
        found = (self.views,) if isinstance(self.views, str) else tuple(self.views)
        if not found and not self.chosen_tags:
            raise AirflowSkipException("No views are named")
        return found

    @property
    def chosen_tags(self) -> tuple[str, ...]:
        """The tags that are given."""
        return (self.tags,) if isinstance(self.tags, str) else tuple(self.tags)

    @property
    def deployment(self) -> Deployment:
        """Which files are kept on which cluster."""
        folder = Path(self.dag.fileloc).absolute().parent / self.templates
        return Deployment(
            templates=str(folder.resolve()),
            conn_id=self.cassandra_conn_id,
            environment=self.env,
            dag_id_prefix=self.dag_id_prefix,
        )

    def request(self, context: Context) -> RunRequest:
        """Return who acts, and under which id: the same in each try of the task, another one once it is cleared."""
        run, ti = context["dag_run"], context["ti"]
        task = f"{ti.task_id}/{ti.map_index}"
        mark = run_mark(run.dag_id, f"{run.run_id}/{run.clear_number or 0}/{task}")
        return RunRequest(view="", by=run.triggering_user_name or "airflow", mark=mark)

    @contextmanager
    def managed(self, context: Context, listener: Listener | None = None) -> Iterator[ViewManager]:
        """Open a manager; errors of ours end the task."""
        request = self.request(context)
        with (
            as_task_failures(),
            self.deployment.managed(
                run=request.mark, author=request.author, listener=listener or LogListener(self.log)
            ) as manager,
        ):
            yield manager


@dataclass(slots=True, kw_only=True)
class ApplyProgress:
    """What a task has done so far, kept by Airflow while it is deferred.

    Args:
        views: those of which steps are left; None at first: all that are chosen.
        awaited: the view whose build is waited for.
        served: the views that were switched to another generation.
        failures: the errors of views.
        is_refused: trying again would help none of those.
    """

    steps: int = 0
    views: list[str] | None = None
    awaited: str = ""
    served: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    is_refused: bool = True

    def fail(self, view: str, text: str, *, is_refused: bool) -> None:
        """Note why a view failed; it is left alone from then on."""
        self.failures[view] = text
        self.is_refused = self.is_refused and is_refused


class ApplyViewsOperator(ViewsOperator):
    """Plan the chosen views and carry the plan out, as ``views apply`` does.

    Makes what is missing, waits until new generations are built, audits them, and sends readers to them. Where nothing
    is to be done it ends at once. A task that was killed, failed or cleared resumes from what stands.

    The asset of each view that was switched has an event with the generation, its window, rows and audit: the same
    assets and events as those of ``view_dags``, through the asset alias ``cassandra_views``.

    Returns ``{"steps": 5, "served": ["shop.orders_by_day"]}``.

    :param templates, views, tags, env, cassandra_conn_id, dag_id_prefix: see ``ViewsOperator``.
    :param allow_drop: drop views whose files are gone, once their grace is over, and hand-made views that were
        replaced. Else the log tells what would be dropped.
    :param allow_shrink: serve a generation also where it holds far fewer rows than what serves (``min_rows_percent``).
    :param deferrable: wait for builds, and for nodes that are down, in the triggerer, and hold no worker slot
        meanwhile; else builds are awaited in the task. Its default is ``[operators] default_deferrable``.
    """

    def __init__(
        self,
        *,
        templates: str,
        allow_drop: bool = False,
        allow_shrink: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(templates=templates, **kwargs)
        self.allow_drop = allow_drop
        self.allow_shrink = allow_shrink
        self.deferrable = deferrable
        self.alias = AssetAlias(f"{self.dag_id_prefix}{ASSET_ALIAS}")
        self.outlets = [*self.outlets, self.alias]

    def execute(self, context: Context) -> dict[str, Any]:
        """Plan, and do what can be done now; defer for the rest.

        Raises:
            AirflowSkipException: the list of views is empty.
            TaskRefused: a view failed, and trying again would change nothing. The others were carried out.
            TaskFailed: a view failed, and may be tried again.
        """
        names = self.names
        with self.managed(context) as manager:
            manager.find_suspects()
            plan = manager.plan(
                names, tags=self.chosen_tags, allow_drop=self.allow_drop, allow_shrink=self.allow_shrink
            )
            log_plan(self.log, plan)
            return self.advance(manager, context, plan, ApplyProgress())

    def resume(
        self, context: Context, event: Mapping[str, Any], progress: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Continue after a wait; a build that stands still is the failure of its view alone.

        Args:
            progress: what was done before it; None where Airflow has not kept that, as ``dag.test`` does not. Then all
                chosen views are planned again.
        """
        if progress is None:
            if "error" in event:
                self.log.warning("%s", event["error"])
            return self.execute(context)
        found = ApplyProgress(**progress)
        views = set(found.views or ())
        if "error" in event and found.awaited:
            found.fail(found.awaited, event["error"], is_refused=False)
            views.discard(found.awaited)
        with self.managed(context) as manager:
            return self.advance(manager, context, self._plan_rest(manager, views), found)

    def _plan_rest(self, manager: ViewManager, views: set[str]) -> Plan:
        parts = [each.partition(".") for each in sorted(views)]
        only = [ViewName(keyspace=keyspace, view=view) for keyspace, _dot, view in parts]
        return manager.plan(only=only, allow_drop=self.allow_drop, allow_shrink=self.allow_shrink)

    def advance(self, manager: ViewManager, context: Context, plan: Plan, progress: ApplyProgress) -> dict[str, Any]:
        """Carry out what is ready, plan the rest again, and so on until nothing is left or a wait begins."""
        attempts = 0
        while True:
            for refusal in plan.refused:
                error = refusal.as_error()
                progress.fail(refusal.view, str(error), is_refused=is_refused(error))
            found, waits = self._split(manager, plan)
            stale: list[tuple[ViewName, StalePlan]] = []
            if found.part.has_changes:
                stale = self._carry_out(manager, found.part, progress)
                attempts += bool(stale)
                if stale and attempts == ATTEMPTS:
                    raise stale[0][1]
            rest = {str(view) for view in (*found.views, *(view for view, _error in stale))} - set(progress.failures)
            if not rest:
                return self._end(manager, context, progress)
            if not found.part.has_changes:
                self._defer(found, waits, sorted(rest), progress)
            plan = self._plan_rest(manager, rest)

    def _split(self, manager: ViewManager, plan: Plan) -> tuple[ReadyPart, dict[str, BaseTrigger]]:
        """Return what of a plan can be done now, and what fires when DDL may begin in each busy keyspace."""
        waits: dict[str, BaseTrigger] = {}
        if not self.deferrable:
            return ReadyPart(part=plan), waits

        def is_busy(keyspace: str, views: tuple[ViewName, ...]) -> bool:
            trigger = find_ready_trigger(manager, self.cassandra_conn_id, views, self.log)
            if trigger is not None:
                waits[keyspace] = trigger
            return trigger is not None

        found = split_ready(
            plan, is_built=lambda step: manager.read_build(step.view, step.number).is_built, is_busy=is_busy
        )
        return found, waits

    def _defer(
        self, found: ReadyPart, waits: Mapping[str, BaseTrigger], rest: list[str], progress: ApplyProgress
    ) -> NoReturn:
        """Defer until the first of what the rest waits for."""
        trigger: BaseTrigger
        if found.builds:
            step = found.builds[0]
            progress.awaited, trigger = str(step.view), build_trigger(self.cassandra_conn_id, step)
        else:
            progress.awaited, trigger = "", waits[found.keyspaces[0]]
        progress.views = rest
        self.defer(trigger=trigger, method_name="resume", kwargs={"progress": asdict(progress)})

    def _carry_out(self, manager: ViewManager, part: Plan, progress: ApplyProgress) -> list[tuple[ViewName, StalePlan]]:
        """Carry a part out and note what came of it; return the views whose plan others have made stale."""
        try:
            outcome = manager.carry_out(part)
        except StalePlan as error:
            if not part.views:
                raise
            self.log.info("%s Planning again.", error)
            return [(view, error) for view in part.views]
        stale: list[tuple[ViewName, StalePlan]] = []
        for view, failure in outcome.failures:
            if isinstance(failure, StalePlan):
                self.log.info("%s Planning again.", failure)
                stale.append((view, failure))
            else:
                progress.fail(str(view), str(failure), is_refused=is_refused(failure))
        for base, failure in outcome.base_failures:
            progress.fail(base, str(failure), is_refused=is_refused(failure))
        progress.steps += outcome.done
        failures = {view for view, _error in outcome.failures}
        switched = {
            str(step.view) for step in part.steps if isinstance(step, ServeGeneration) and step.view not in failures
        }
        progress.served = sorted({*progress.served, *switched})
        return stale

    def _end(self, manager: ViewManager, context: Context, progress: ApplyProgress) -> dict[str, Any]:
        if progress.failures:
            raise failed(progress.failures.values(), is_refused=progress.is_refused)
        mark = self.request(context).mark
        events = context["outlet_events"][self.alias]
        served = []
        for record in manager.planner.registry.read_all():
            # A former try of this task has switched it, and failed of another view: its event is still due.
            if str(record.name) in progress.served or is_switched_by(record, mark):
                name = record.name
                events.add(self.deployment.asset(name.keyspace, name.view), extra=event_of(record))
                served.append(str(name))
        return {"steps": progress.steps, "served": sorted(served)}


class AuditViewsOperator(ViewsOperator):
    """Compare what serves with its base tables, as ``views audit`` does; a difference fails the task.

    The verdict is kept in the registry. A view that differs goes on serving, and the next apply builds another
    generation beside it. The task reads the rows itself, so it holds its worker slot as long as that takes; it is never
    deferred.

    Returns one ``{"view": ..., "generation": 3, "audit": "passed", "found": ..., "seconds": 1.5}`` for each generation.

    :param templates, views, tags, env, cassandra_conn_id, dag_id_prefix: see ``ViewsOperator``. Without ``views`` and
        ``tags`` all that serve are audited.
    :param kind: ``full`` compares every row, ``pulse`` totals that the server makes, ``sample`` rows drawn at random.
    :param sample_rows: of a sample, how many rows are drawn from each side; 0: what views.toml says.
    :param rows_per_second: how many rows are read in a second at most; 0: what views.toml says.
    """

    def __init__(
        self,
        *,
        templates: str,
        kind: str = AuditKind.FULL.value,
        sample_rows: int = 0,
        rows_per_second: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(templates=templates, **kwargs)
        self.audit_request = AuditRequest(
            kind=AuditKind(kind), sample_rows=sample_rows, rows_per_second=rows_per_second
        )

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Compare.

        Raises:
            AirflowSkipException: the list of views is empty.
            TaskRefused: a generation differs from its base, or an audit was refused.
            TaskFailed: an audit failed, and may be tried again.
        """
        names, collector = self.names, AuditCollector()
        tell = LogListener(self.log)

        def listen(report: Report) -> None:
            collector(report)
            tell(report)

        with self.managed(context, listen) as manager:
            manager.find_suspects()
            outcome = manager.audit(names, tags=self.chosen_tags, request=self.audit_request)
        if outcome.errors:
            errors: Sequence[ViewsError] = outcome.errors
            raise failed(map(str, errors), is_refused=all(map(is_refused, errors)))
        found = [each.as_json() for each in collector.outcomes(outcome.failures)]
        return [{key: value for key, value in each.items() if key != "result"} for each in found]


def is_switched_by(record: ViewRecord, mark: str) -> bool:
    """Tell whether what serves was made by the run of this id."""
    serving = record.in_state(State.SERVING)
    return bool(serving) and serving[-1].run == mark
