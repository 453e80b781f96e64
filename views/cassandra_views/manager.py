"""The one door for programs: plan, apply, refresh, roll back, drop, status."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cassandra.cluster import Session

from cassandra_views.cluster.catalog import read_catalog, read_sizes
from cassandra_views.cluster.database import Database
from cassandra_views.cluster.ddl import Ddl
from cassandra_views.cluster.lease import Lease
from cassandra_views.cluster.preflight import ClusterFacts, check_cluster, check_head_room, check_permissions
from cassandra_views.cluster.registry import Event, Registry
from cassandra_views.cluster.registry import author as default_author
from cassandra_views.lifecycle.reports import Listener, Notice, silent
from cassandra_views.lifecycle.runner import Outcome, Runner
from cassandra_views.lifecycle.waiting import BuildWait
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError, RegistryError, StalePlan, ViewsError
from cassandra_views.model.generation import Audit, Override, OverrideKind, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import CreateGeneration, CreateRegistry, Plan, Precondition, ServeGeneration
from cassandra_views.planning.check import resolve
from cassandra_views.planning.cost import costs_of
from cassandra_views.planning.plan import Observed, Request, Target, make_plan
from cassandra_views.planning.status import ViewStatus, view_statuses
from cassandra_views.project.cache import FOLDER as CACHE_FOLDER
from cassandra_views.project.cache import FileCache
from cassandra_views.project.config import Settings, cql_map
from cassandra_views.project.load import Loader


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
        listener: is told what happens while it happens.
        settings: everything above from files, instead of looking for them.
        build_timeout_seconds: wall-clock limit of awaiting one build; None waits while it makes progress.
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
        listener: Listener = silent,
        settings: Settings | None = None,
        build_timeout_seconds: float | None = None,
    ) -> None:
        if settings is None:
            folder = Path(templates).absolute() if templates is not None else None
            settings = Settings.resolve(
                start=folder or Path.cwd(), templates=folder, environment=environment, variables={}
            )
        self.settings = settings
        self._clock = clock or (lambda: datetime.now(UTC))
        self._listener = listener
        self._database = Database(session)
        self._run = uuid.uuid4().hex[:12]
        self._registry = Registry(
            self._database,
            registry or settings.env.registry,
            run=self._run,
            author=author or default_author(),
            history_days=settings.env.history_days,
        )
        self._build_timeout = build_timeout_seconds
        self._facts: ClusterFacts | None = None
        folder = self.settings.folder
        self._files = FileCache(folder / CACHE_FOLDER if folder is not None else None)

    # -- looking ------------------------------------------------------------------------------------

    def project(self) -> Project:
        """Read the project's files.

        Raises:
            ProjectError: a file is wrong; with file and line.
        """
        return Loader.of(self.settings, self._files).load()

    def plan(self, names: Iterable[str] | None = None, *, allow_drop: bool = False) -> Plan:
        """Return what must be done so that the cluster is as the files say. Reads only.

        Args:
            names: plan these views alone; None plans all.
            allow_drop: views whose files are gone may be dropped when their grace is over.
        """
        known = () if names is None else self._known()
        only = None if names is None else frozenset(resolve(name, known) for name in names)
        return self._plan(Request(only=only, is_drop_allowed=allow_drop))

    def status(self) -> tuple[ViewStatus, ...]:
        """Return what stands, for every view that a file or the registry knows. Reads only."""
        project = self.project() if self.settings.templates.is_dir() else Project(name="")
        observed = self._observe(project)
        return view_statuses(project, observed.records, observed.catalog, self._clock())

    def record(self, name: str) -> ViewRecord:
        """Return everything the registry holds of a view. Reads only."""
        return self._read(self._resolve(name))

    def history(self, name: str, *, limit: int = 50) -> list[Event]:
        """Return the view's last events, newest first. Reads only."""
        view = self._resolve(name)
        return self._registry.history(view, limit=limit) if self._registry.exists() else []

    def facts(self) -> ClusterFacts:
        """Return what every node says of itself. Reads only."""
        if self._facts is None:
            self._facts = check_cluster(self._database, is_work=False)
        return self._facts

    # -- doing --------------------------------------------------------------------------------------

    def apply(self, plan: Plan | None = None, *, allow_drop: bool = False) -> Outcome:
        """Carry a plan out; without one, plan and apply.

        Raises:
            StalePlan: the plan is for another cluster or registry, or what it was made from has changed.
            PreflightError: a node is not fit for the work; nothing was begun.
            ViewsError: the first failure of a view; the steps of other views were carried out.
        """
        plan = self.plan(allow_drop=allow_drop) if plan is None else plan
        outcome = self.carry_out(plan)
        if outcome.failures:
            raise outcome.failures[0][1]
        return outcome

    def carry_out(self, plan: Plan) -> Outcome:
        """Do as ``apply``, and return the failures of views instead of raising the first."""
        facts = check_cluster(self._database)
        self._refuse_other_target(plan, facts)
        if not plan.has_changes:
            return Outcome(done=0)
        creates = [step for step in plan.steps if isinstance(step, CreateGeneration)]
        bases = {(step.view.keyspace, step.base) for step in creates}
        catalog = read_catalog(self._database, {keyspace for keyspace, _ in bases})
        check_head_room(facts, plan.steps, catalog)
        check_permissions(self._database, [base for base in bases if catalog.find_table(*base)])
        for warning in facts.warnings:
            self._listener(Notice(text=warning))
        return self._runner().run(plan)

    def refresh(self, name: str) -> Outcome:
        """Build a new generation of a view and send readers to it, also where nothing has changed."""
        view = self._resolve(name)
        self._refuse_frozen(view)
        return self.apply(self._plan(Request(only=frozenset([view]), refresh=frozenset([view]))))

    def plan_refresh(self, name: str) -> Plan:
        """Return what ``refresh`` would do. Reads only."""
        view = self._resolve(name)
        self._refuse_frozen(view)
        return self._plan(Request(only=frozenset([view]), refresh=frozenset([view])))

    def rollback(self, name: str, *, why: str = "rolled back") -> Outcome:
        """Send readers to the former generation, at once; it is still fed, so nothing is lost.

        Where the view's file says something else than the former generation, the view is frozen, or
        the next apply would undo this; ``override(name, None)`` ends that.

        Raises:
            ProjectError: there is no former generation within its grace.
        """
        plan = self.plan_rollback(name)
        view = plan.views[0]
        outcome = self.apply(plan)
        if self._plan(Request(only=frozenset([view]))).has_changes:
            self.override(name, OverrideKind.FROZEN, why=why)
            self._listener(
                Notice(
                    text=f"{view} is frozen now, since its file asks for something else: "
                    f"'views override {view.view} none --why ...' lets the file rule again"
                )
            )
        return outcome

    def plan_rollback(self, name: str) -> Plan:
        """Return what ``rollback`` would do. Reads only."""
        view = self._resolve(name)
        self._refuse_frozen(view)  # a second rollback would go forward to what the first one left
        record = self._read(view)
        former = [each for each in record.in_state(State.RETIRED) if each.audit is Audit.PASSED and each.retired_at]
        if not former:
            raise ProjectError(
                "there is no former generation to go back to: each is kept for its grace period alone",
                on=str(view),
                next=f"Correct the file and apply, or 'views refresh {view.view}'",
            )
        target = max(former, key=lambda each: (each.retired_at, each.number))
        time = next((entry.time for entry in record.read_from if entry.time), None)
        if time is None:
            time = next((each.time for each in self.project().views if each.name == view), None)
        bounded = target.window_start or target.window_end
        step = ServeGeneration(
            view=view,
            number=target.number,
            read_from=(
                Serving(
                    name=target.physical,
                    time=time if bounded else None,
                    start=target.window_start,
                    end=target.window_end,
                ),
            ),
            strategy=record.strategy,
            grace_seconds=int(record.grace.total_seconds()),
            next_due=record.next_due,
            retires=tuple(each.number for each in record.in_state(State.SERVING)),
        )
        facts = self.facts()
        return Plan(
            made_at=self._clock(),
            target=self._target_line(facts),
            cluster=facts.name,
            registry=self._registry.keyspace,
            environment=self.settings.environment,
            project=record.project,
            steps=(step,),
            preconditions=(Precondition(view=view, revision=record.revision()),),
        )

    def drop(self, name: str, *, why: str = "dropped by a person") -> Outcome:
        """Send readers away from a view and drop all its generations, at once.

        Where the view still has a file it is set ``off``, or the next apply would create it again;
        ``override(name, None)`` ends that.
        """
        view = self._resolve(name)
        if any(each.name == view for each in self.project().views):
            self.override(name, OverrideKind.OFF, why=why)
        return self.apply(self._plan(Request(only=frozenset([view]), drop=frozenset([view]))))

    def plan_drop(self, name: str) -> Plan:
        """Return what ``drop`` would do. Reads only."""
        view = self._resolve(name)
        return self._plan(Request(only=frozenset([view]), drop=frozenset([view])))

    def abort(self, name: str) -> Outcome:
        """Give up the generation that is being built, and drop it; what serves is left alone."""
        return self.apply(self.plan_abort(name))

    def plan_abort(self, name: str) -> Plan:
        """Return what ``abort`` would do. Reads only."""
        view = self._resolve(name)
        return self._plan(Request(only=frozenset([view]), abort=frozenset([view])))

    def override(
        self, name: str, kind: OverrideKind | str | None, *, why: str, until: datetime | None = None
    ) -> ViewRecord:
        """Decide over a view's file: ``frozen``, ``off``, or None to let the file rule again."""
        view = self._resolve(name)
        wanted = OverrideKind(kind) if kind else None
        if not self._registry.exists():
            raise RegistryError(
                "there is no registry yet that could keep this",
                on=str(view),
                next="Run 'views apply' first, which makes it; a view without a file is left alone anyway",
            )
        record = self._registry.raise_fence(view)
        statics = {
            "override": wanted,
            "override_by": self._registry.author if wanted else None,
            "override_why": why if wanted else None,
            "override_until": until if wanted else None,
            "project": record.project or self.project().name,
        }
        changed = self._registry.change(record, view=statics)
        self._registry.record_event(view, f"override {wanted.value if wanted else 'none'}", detail=why)
        return changed

    # -- shared -------------------------------------------------------------------------------------

    def _plan(self, request: Request) -> Plan:
        project = self.project()
        facts = self.facts()
        observed = self._observe(project)
        env = self.settings.env
        target = Target(
            cluster=facts.name,
            registry=self._registry.keyspace,
            environment=self.settings.environment,
            project=project.name,
            line=self._target_line(facts),
            registry_replication=self._registry_replication(facts),
            keyspaces=env.keyspace_statements(),
            view_budget=env.view_budget,
            has_snapshot_option=facts.has_snapshot_option,
        )
        plan = make_plan(project, observed, target, request, self._clock(), passed=self._files.passed)
        self._files.save()
        bases = {
            (step.view.keyspace, step.base)
            for step in plan.steps
            if isinstance(step, CreateGeneration) and observed.catalog.find_table(step.view.keyspace, step.base)
        }
        sizes = read_sizes(self._database, bases)
        return replace(
            plan, costs=costs_of(plan.steps, observed.catalog, sizes, keeps_snapshot=not facts.has_snapshot_option)
        )

    def _observe(self, project: Project) -> Observed:
        has_registry = self._registry.exists()
        records = self._registry.read_all() if has_registry else ()
        keyspaces = {*project.keyspaces, *(record.name.keyspace for record in records if record.is_live)}
        return Observed(catalog=read_catalog(self._database, keyspaces), records=records, has_registry=has_registry)

    def _resolve(self, name: str) -> ViewName:
        return resolve(name, self._known())

    def _known(self) -> set[ViewName]:
        known: set[ViewName] = set()
        if self.settings.templates.is_dir():
            known |= {view.name for view in self.project().views}
        if self._registry.exists():
            known |= {record.name for record in self._registry.read_all()}
        return known

    def _read(self, view: ViewName) -> ViewRecord:
        return self._registry.read(view) if self._registry.exists() else ViewRecord(name=view)

    def _refuse_frozen(self, view: ViewName) -> None:
        record = self._read(view)
        override: Override | None = record.override
        if override and override.holds(self._clock()):
            raise ViewsError(
                f"it is {override}",
                on=str(view),
                next=f"End that first: 'views override {view.view} none --why ...'",
            )

    def _refuse_other_target(self, plan: Plan, facts: ClusterFacts) -> None:
        here = (facts.name, self._registry.keyspace, self.settings.environment)
        if (plan.cluster, plan.registry, plan.environment) != here:
            raise StalePlan(
                f"the plan is for cluster {plan.cluster}, registry {plan.registry}, environment {plan.environment}; "
                f"this is {', '.join(here)}",
                next="Plan again here, or name the other environment with --env",
            )

        if any(isinstance(step, CreateRegistry) for step in plan.steps) and self._registry.exists():
            raise StalePlan(
                f"the plan is stale: the registry {self._registry.keyspace} has been made since", next="Plan again"
            )

    def _registry_replication(self, facts: ClusterFacts) -> str:
        given = self.settings.env.registry_replication
        if given:
            return cql_map(given)
        per_dc = {name: min(3, count) for name, count in facts.data_centers.items()}
        return cql_map({"class": "NetworkTopologyStrategy", **per_dc})

    def _target_line(self, facts: ClusterFacts) -> str:
        nodes = sum(facts.data_centers.values())
        return (
            f"cluster {facts.name} (Cassandra {facts.version_text}, {nodes} node{'s' if nodes != 1 else ''}), "
            f"registry {self._registry.keyspace}, environment {self.settings.environment}"
        )

    def _runner(self) -> Runner:
        env = self.settings.env

        def tell(text: str) -> None:
            self._listener(Notice(text=text))

        lease = Lease(
            self._database,
            self._registry.keyspace,
            owner=self._registry.author,
            ddl_timeout_seconds=env.ddl_timeout_seconds,
            on_wait=tell,
        )
        ddl = Ddl(self._database, lease, timeout_seconds=env.ddl_timeout_seconds, on_warning=tell)
        wait = BuildWait(self._database, self._listener, timeout_seconds=self._build_timeout)
        return Runner(self._database, self._registry, ddl, clock=self._clock, listener=self._listener, build_wait=wait)


__all__ = ["ViewManager"]
