"""The one door for programs: plan, apply, refresh, roll back, drop, status."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from cassandra.cluster import Session

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_views.apply.build_wait import find_waits
from cassandra_views.apply.builds import BuildProgress, read_build
from cassandra_views.apply.executor import Executor, PlanOutcome
from cassandra_views.apply.lag_reports import LagMeasurement, LagReport
from cassandra_views.apply.overrides import Overrides
from cassandra_views.apply.range_rows import RangeReader, read_in_threads
from cassandra_views.apply.reports import Listener, Notice, ignore_reports
from cassandra_views.apply.suspects import Suspects
from cassandra_views.model.arguments import checked_arguments
from cassandra_views.model.audit_request import FULL_AUDIT, AuditRequest, AuditSettings
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import OverrideKind, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Plan, ServeGeneration
from cassandra_views.plan.inputs import file_marks, refuse_changed_files
from cassandra_views.plan.planner import Planner
from cassandra_views.project.cache import FOLDER as CACHE_FOLDER
from cassandra_views.project.settings import Settings
from cassandra_views.registry.lease import DEFAULT_TIMES, LeaseTimes, refuse_held

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def _of_planner(
    method: Callable[Concatenate[Planner, Given], Answer],
) -> Callable[Concatenate[ViewManager, Given], Answer]:
    """Return a method of the manager that the manager's planner answers."""

    @wraps(method)
    def call(self: ViewManager, /, *args: Given.args, **named: Given.kwargs) -> Answer:
        return method(self.planner, *args, **named)

    return call


@checked_arguments()
class ViewManager:
    """Keeps the views of one project on one cluster.

    Args:
        session: a session of the driver; one execution profile is added to its cluster.
        templates: the folder that holds ``views/``, ``tables/`` and ``macros/``; a ``views.toml`` in or
            above it is read.
        environment: which of its environments; else its default.
        registry: the registry's keyspace; else that of the environment.
        clock: aware UTC; what "now" is for windows and the registry.
        author: who acts, for the history; else ``VIEWS_AUTHOR`` or user at host.
        run: the id under which what is done is recorded; a caller that is tried again gives the same one.
        listener: is told what happens while it happens.
        settings: everything above from files, instead of looking for them.
        build_timeout_seconds: wall-clock limit of awaiting one build; None waits while it makes progress.
        audit_recheck_seconds: the shortest pause before an audit looks at a difference again; the pauses follow the
            lag that was measured last, and double with each further look.
        audit_reader: reads the token ranges of full audits; else threads of this process.
        lease_times: how long a lease lasts, and how long a run waits after one that died; for tests.
    """

    def __init__(
        self,
        session: Session,
        *,
        templates: str | Path | None = None,
        environment: str | None = None,
        registry: str | None = None,
        clock: Callable[[], datetime] | None = None,
        author: str | None = None,
        run: str | None = None,
        listener: Listener = ignore_reports,
        settings: Settings | None = None,
        build_timeout_seconds: float | None = None,
        audit_recheck_seconds: float = AuditSettings.recheck_seconds,
        audit_reader: RangeReader = read_in_threads,
        lease_times: LeaseTimes = DEFAULT_TIMES,
    ) -> None:
        self.planner = Planner(
            session,
            templates=templates,
            environment=environment,
            registry=registry,
            clock=clock,
            author=author,
            run=run,
            settings=settings,
        )
        env, planner = self.settings.env, self.planner
        self._listener = listener
        self._executor = Executor(
            planner.database,
            planner.registry,
            environment=self.settings.environment,
            clock=planner.clock,
            listener=listener,
            ddl_timeout_seconds=env.ddl_timeout_seconds,
            build_timeout_seconds=build_timeout_seconds,
            audit=env.audit.settings(recheck_seconds=audit_recheck_seconds, folder=self._audit_folder()),
            read_ranges=audit_reader,
            lease_times=lease_times,
            reader_cache_seconds=env.reader_cache_seconds,
        )
        self._overrides = Overrides(
            planner.registry,
            self._executor,
            clock=planner.clock,
            listener=listener,
            freeze_after=env.freeze_after,
        )
        self._suspects = Suspects(
            planner.database,
            planner.registry,
            upgrade_registry=self._executor.upgrade_registry,
            clock=planner.clock,
        )

    project = _of_planner(Planner.project)
    choose = _of_planner(Planner.choose)
    plan = _of_planner(Planner.plan)
    plan_each = _of_planner(Planner.plan_each)
    plan_refresh = _of_planner(Planner.plan_refresh)
    plan_rollback = _of_planner(Planner.plan_rollback)
    plan_drop = _of_planner(Planner.plan_drop)
    plan_drop_all = _of_planner(Planner.plan_drop_all)
    plan_audit = _of_planner(Planner.plan_audit)
    plan_abort = _of_planner(Planner.plan_abort)
    status = _of_planner(Planner.status)
    diff = _of_planner(Planner.diff)
    record = _of_planner(Planner.record)
    history = _of_planner(Planner.history)
    facts = _of_planner(Planner.facts)

    def _audit_folder(self) -> Path | None:
        return None if self.settings.folder is None else self.settings.folder / CACHE_FOLDER / "audits"

    @property
    def settings(self) -> Settings:
        """The project's settings."""
        return self.planner.settings

    @property
    def wrong_files(self) -> tuple[ProjectError, ...]:
        """What is wrong with the project's files, as far as they were read; their views are left as they are."""
        return self.planner.wrong_files

    def find_waits(self, view: ViewName, *, own: Iterable[str] = ()) -> tuple[str, ...]:
        """Return what a CREATE or DROP of this view had better wait for (``apply.build_wait``). Reads only."""
        return find_waits(self.planner.database, view.keyspace, own=tuple(own))

    def read_build(self, view: ViewName, number: int) -> BuildProgress:
        """Return how far the build of a generation is, node by node. Reads only."""
        return read_build(self.planner.database, view.keyspace, self.record(str(view)).physical(number))

    def note(self, name: str, event: str, detail: str) -> None:
        """Add one line to the view's history, beside those of what is done to it."""
        self.planner.registry.record_event(self.planner.observer.resolve(name), event, detail=detail)

    def apply(
        self,
        plan: Plan | None = None,
        *,
        allow_drop: bool = False,
        allow_shrink: bool = False,
        wait: bool = False,
        without: Collection[str] = (),
    ) -> PlanOutcome:
        """Carry a plan out; without one, plan and apply.

        Args:
            allow_drop, allow_shrink: as for ``plan``, where no plan is given.
            wait: what has no room on its base table yet (the plan's ``deferred``) is done too, as room comes: when
                the grace of replaced generations ends. Without it, the next plan does it. Not with a plan that is
                given.
            without: addresses of members whose builds are not awaited where they cannot be reached; the history
                names them.

        Raises:
            ConfigurationError: ``without`` names no member, or both a plan and ``wait`` are given.
            StalePlan: the plan is for another cluster or registry, or what it was made from has changed: files, or the
                registry.
            PreflightError: a node is not fit for the work; nothing was begun.
            ViewsError: the first keyspace, table or view that failed, or the first view that could not be planned;
                what does not stand on it was carried out.
        """
        if plan is not None and wait:
            raise ConfigurationError(
                "a plan and wait=True are both given", on="ViewManager.apply", next="Leave one of them out"
            )

        def make(views: Iterable[ViewName] | None) -> Plan:
            return self.plan(only=views, allow_drop=allow_drop, allow_shrink=allow_shrink)

        if plan is None:
            self.find_suspects()
            plan = make(None)
        outcome = self._raised(self.carry_out(plan, without=without, make_rest=make if wait else None))
        if plan.refused:
            raise plan.refused[0].as_error()
        return outcome

    def carry_out(
        self,
        plan: Plan,
        *,
        without: Collection[str] = (),
        make_rest: Callable[[tuple[ViewName, ...]], Plan] | None = None,
    ) -> PlanOutcome:
        """Do as ``apply``, and return the failures instead of raising the first.

        Args:
            make_rest: plans views anew when there is room on their base tables; without it, what the plan defers is
                left to the next plan.
        """
        if plan.files:
            marks = file_marks(self.project(), self.settings.env.described_keyspaces())
            refuse_changed_files(plan, marks)
        return self._executor.carry_out(plan, without=without, make_rest=make_rest)

    def find_suspects(self) -> tuple[ViewName, ...]:
        """Mark generations suspect whose base, replication or ring has changed since a run saw them last.

        Writes into the registry alone. Where that cannot be done the listener is told, and the next run does it.

        Returns:
            The views with generations that were marked now; the next apply audits them in full.
        """
        try:
            found = self._suspects.find()
        except ViewsError as error:
            self._listener(Notice(text=f"whether something made views suspect could not be looked at: {error.what}"))
            return ()
        for view in found:
            self._listener(Notice(text=f"{view} is suspect now; 'views explain {view.view}' shows the reason"))
        return found

    def look_for_suspects(self) -> dict[ViewName, str]:
        """Return the views that ``find_suspects`` would mark now, and why; changes nothing.

        Where that cannot be read the listener is told.
        """
        try:
            return self._suspects.look()
        except ViewsError as error:
            self._listener(Notice(text=f"whether something made views suspect could not be looked at: {error.what}"))
            return {}

    def measure_lag(
        self,
        names: str | Iterable[str] | None = None,
        *,
        tags: Iterable[str] = (),
        patience_seconds: float = 30.0,
    ) -> tuple[LagReport, ...]:
        """Measure how long after a write of its base each view shows it, and keep that in the registry.

        Reads only, but for views whose files reserve a key for a canary row (``lag.probe``).

        Args:
            names, tags: these views alone; without any, all of this project that serve.
            patience_seconds: how long rows are waited for, or a fifth longer than the view's promise.

        Returns:
            One report a view. The ``error`` of one that could not be measured says why; the others were measured.

        Raises:
            ProjectError: a name or tag is unknown, or a view that is named serves nothing.
            ClusterError: the registry cannot be read, or no node can be asked.
        """
        plan = self.plan_audit(names, tags=tags)
        if plan.steps:
            self._executor.upgrade_registry()
        planner = self.planner
        policies = {view.name: view.lag for view in planner.observer.project_of_registry().views}
        measurement = LagMeasurement(
            planner.database, planner.registry, policies, clock=planner.clock, patience_seconds=patience_seconds
        )
        return measurement.run(plan)

    def suspect(
        self, names: str | Iterable[str] = (), *, reason: str, tags: Iterable[str] = ()
    ) -> tuple[ViewRecord, ...]:
        """Mark views suspect, after a bulk load, a restore, or what else only a person knows of.

        Readers go on being served. The next apply or audit audits the views before all others, and builds another
        generation beside one that differs; a full audit that finds no difference ends the mark.

        Args:
            names, tags: which views; where one is unknown nothing is changed at all.
            reason: every plan and status shows it.

        Raises:
            ProjectError: a name or tag is unknown, or no generation of a view exists.
            ConfigurationError: no reason is given.
            RegistryError: there is no registry yet.
        """
        return self._suspects.mark(self.choose(names, tags=tags), reason=reason)

    def suspect_all(self, *, reason: str) -> tuple[ViewRecord, ...]:
        """Mark all views that exist suspect, also those of other projects; else as ``suspect``."""
        return self._suspects.mark_all(reason=reason)

    def refresh(
        self, names: str | Iterable[str] = (), *, tags: Iterable[str] = (), allow_shrink: bool = False
    ) -> PlanOutcome:
        """Build a new generation of each view and switch readers to it, also where nothing has changed."""
        return self.apply(self.plan_refresh(names, tags=tags, allow_shrink=allow_shrink))

    def rollback(self, name: str, *, reason: str = "rolled back") -> PlanOutcome:
        """Send readers to the former generation, at once; it is still fed, so nothing is lost.

        Where the view's file says something else than the former generation, the same batch freezes the view, or
        the next apply would undo this; ``override(name, None, reason=...)`` ends that. Then the generation is
        audited, unless it was within ``audit_fresh_seconds``. Run again, it does what is still missing.

        Raises:
            ProjectError: there is no former generation within its grace.
            AuditFailed: readers are at the former generation, and it differs from its base.
        """
        plan = self.plan_rollback(name, reason=reason)
        outcome = self.carry_out(plan)
        for step in plan.steps:
            if isinstance(step, ServeGeneration) and step.override is not None and outcome.done:
                self._listener(
                    Notice(
                        text=f"{step.view} is {step.override.value} now, since its file asks for something else: "
                        f"'views on {step.view.view} --reason ...' lets the file rule again"
                    )
                )
        return self._raised(outcome)

    def drop(self, name: str, *, reason: str = "dropped by a person", allow_drop: bool = False) -> PlanOutcome:
        """Send readers away from a view and drop all its generations, at once.

        Where the view still has a file it is set ``off`` with the same batch, or the next apply would create it
        again; ``override(name, None, reason=...)`` ends that.

        Args:
            allow_drop: drop the view that people made under this name, too; else it is kept.
        """
        return self.apply(self.plan_drop(name, reason=reason, allow_drop=allow_drop))

    def drop_all(
        self,
        *,
        reason: str = "dropped by a person",
        hand_made: str | Iterable[str] = (),
        with_registry: bool = False,
    ) -> PlanOutcome:
        """Drop all views of this project, one after another, for a team that leaves. Run again, it does what is left.

        Views that people made are released: they stay as they are, and nobody manages them. No base table is dropped.
        A view that could not be dropped is in ``failures``, and does not stop the others.

        Args:
            hand_made: of the views with these names, the ones that people made are dropped, too.
            with_registry: drop the registry's tables then, and its keyspace where this program made it and nothing
                else is in it.

        Raises:
            ProjectError: a name of ``hand_made`` is unknown.
            LeaseHeld: another run is under way; nothing was changed.
            RegistryError: ``with_registry``, and views would be left that the registry manages; nothing was changed.
        """
        plan = self.plan_drop_all(reason=reason, hand_made=hand_made, with_registry=with_registry)
        if self.planner.registry.exists():
            refuse_held(self.planner.database, self.planner.registry.keyspace)
        return self.carry_out(plan)

    def audit(
        self,
        names: str | Iterable[str] | None = None,
        *,
        tags: Iterable[str] = (),
        request: AuditRequest = FULL_AUDIT,
    ) -> PlanOutcome:
        """Compare what serves with its base, again, at any time; states and readers stay as they are.

        A generation that differs is in ``failures``; the next plan builds another one beside it. Where all are
        audited ``find_suspects`` comes first; it looks at every view, so who audits one after another calls it once.

        Args:
            names, tags: these views alone; without any, all of this project that serve.
            request: every row, or totals, or a sample.

        Raises:
            RegistryError: the registry rows of a view cannot be read; the others are audited all the same.
        """
        if names is None and not tags:
            self.find_suspects()
        plan = self.plan_audit(names, tags=tags, request=request)
        outcome = self.carry_out(plan)
        if plan.refused:
            raise plan.refused[0].as_error()
        return outcome

    def abort(self, name: str) -> PlanOutcome:
        """Give up the generation that is being built, and drop it; what serves is left alone."""
        return self.apply(self.plan_abort(name))

    def override(
        self,
        names: str | Iterable[str],
        kind: OverrideKind | str | None,
        *,
        reason: str,
        tags: Iterable[str] = (),
        until: datetime | None = None,
    ) -> tuple[ViewRecord, ...]:
        """Decide over the files of views: ``frozen``, ``off``, or None to let the files rule again.

        Args:
            names, tags: which views; where one is unknown nothing is changed at all.
            reason: every plan and status shows it.
            until: when the decision ends by itself.

        Raises:
            ProjectError: a name or tag is unknown.
            ConfigurationError: no reason is given, or ``until`` is over.
            RegistryError: there is no registry yet.
        """
        views = self.choose(names, tags=tags)
        wanted = OverrideKind(kind) if kind else None
        project = self.planner.observer.project_of_registry()
        broken = {each.view for each in project.broken}
        with_file = {each.name for each in project.views} | {view for view in views if view.view in broken}
        return self._overrides.override(
            views, wanted, reason=reason, until=until, project=project.name, with_file=with_file
        )

    @staticmethod
    def _raised(outcome: PlanOutcome) -> PlanOutcome:
        """Return the outcome, or raise the first failure in it."""
        if outcome.errors:
            raise outcome.errors[0]
        return outcome

    def note_failed_run(self, name: str, error: str) -> ViewRecord:
        """Count one more failed run in a row; for a scheduler of the views.

        After ``freeze_after`` of views.toml the view is frozen. Sending readers to a generation, or a person who
        ends the override, sets the count back to 0.

        Args:
            error: what the run failed of.

        Raises:
            RegistryError: there is no registry yet.
        """
        view = self.planner.observer.resolve(name)
        return self._overrides.note_failed_run(view, error, project=self.planner.observer.project_of_registry().name)


__all__ = ["ViewManager"]
