"""Plans for one project on one cluster: reads its files, the schema and the registry, and changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_views.cql.select_text import parse_select
from cassandra_views.cql.statements import complete_project
from cassandra_views.model.arguments import checked_arguments
from cassandra_views.model.audit_request import FULL_AUDIT, AuditRequest
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import DropRegistry, Plan
from cassandra_views.plan.catalog import has_storage_attached_indexes, read_catalog, read_indexes
from cassandra_views.plan.cost import costs_of
from cassandra_views.plan.diff import DefinitionDiff, make_diff
from cassandra_views.plan.inputs import Observed, PlanContext, PlanRequest, is_made_by
from cassandra_views.plan.leaving import choose_leaving, complete_leaving, with_registry_drop
from cassandra_views.plan.node_reader import ClusterFacts
from cassandra_views.plan.observer import Observer
from cassandra_views.plan.project_plan import WAITING, ViewWork, make_audits, make_plan, with_schedule, work_by_view
from cassandra_views.plan.read_explanation import ReadExplanation, explain_read, find_base_of
from cassandra_views.plan.rollback import make_rollback
from cassandra_views.plan.selection import refuse_frozen, refuse_without_file
from cassandra_views.plan.status import ViewStatus, view_statuses
from cassandra_views.project.settings import Settings
from cassandra_views.registry.history import Event
from cassandra_views.registry.history import author as default_author
from cassandra_views.registry.removal import find_marked, read_contents
from cassandra_views.registry.store import Registry


@checked_arguments()
class Planner:
    """Makes plans and statuses for the views of one project on one cluster; changes nothing.

    Args: those of ``ViewManager``.

    Attributes:
        database, registry: what it reads.
        observer: reads the project's files and the cluster.
        clock: aware UTC; what "now" is.
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
        settings: Settings | None = None,
    ) -> None:
        if settings is None:
            folder = Path(templates).absolute() if templates is not None else None
            settings = Settings.resolve(
                start=folder or Path.cwd(), templates=folder, environment=environment, variables={}
            )
        self.settings = settings
        self.clock = clock or (lambda: datetime.now(UTC))
        self.database = Database(session)
        self.registry = Registry(
            self.database,
            registry or settings.env.registry,
            run=run or uuid.uuid4().hex[:12],
            author=author or default_author(),
            history_days=settings.env.history_days,
        )
        self.observer = Observer(settings, self.database, self.registry)

    def project(self) -> Project:
        """Read the project's files; those that are wrong are left out and listed in it.

        Raises:
            ProjectError: the folder is missing or empty.
        """
        return self.observer.project()

    def choose(self, names: str | Iterable[str] = (), *, tags: Iterable[str] = ()) -> tuple[ViewName, ...]:
        """Return the views of these names, and those whose files have any of these tags, in order. Reads only.

        Raises:
            ProjectError: a name or tag is unknown, or none is given.
        """
        return tuple(sorted(self.observer.choose(names, tags)))

    def plan(
        self,
        names: str | Iterable[str] | None = None,
        *,
        tags: Iterable[str] = (),
        only: Iterable[ViewName] | None = None,
        allow_drop: bool = False,
        allow_shrink: bool = False,
    ) -> Plan:
        """Return what must be done so that the cluster is as the files say. Reads only.

        Args:
            names, tags: plan these views alone; without any, all.
            only: exactly these views, which may be none; names and tags do not count.
            allow_drop: views whose files are gone may be dropped when their grace is over, and views that people made
                when what replaced them serves that long.
            allow_shrink: a generation may be served that holds far fewer rows than what serves.

        Returns:
            The plan. A view that cannot be planned is in its ``refused`` and does not hold up the others.

        Raises:
            ViewsError: views are named, and none of them can be planned.
        """
        chosen = self._chosen(names, tags) if only is None else frozenset(only)
        return self._plan(PlanRequest(only=chosen, is_drop_allowed=allow_drop, is_shrink_allowed=allow_shrink))

    def plan_each(self, *, allow_drop: bool = False) -> tuple[ViewWork, ...]:
        """Return what must be done for each view, from one read of the cluster. Reads only.

        A view that cannot be planned is in it with its error and does not hold up the others; one whose file is wrong
        is in ``Project.broken``.
        """
        project = self.project()
        observed = self.observer.observe(project)
        plan, now = self._make(project, observed, PlanRequest(is_drop_allowed=allow_drop)), self.clock()
        definitions = {each.name: each for each in project.views}
        records = {each.name: each for each in observed.records}
        wrong = {each.view for each in project.broken}
        return tuple(
            with_schedule(each, definitions.get(each.name), records.get(each.name), now) if each.name else each
            for each in work_by_view(plan)
            if each.name is None or each.name.view not in wrong
        )

    def plan_refresh(
        self,
        names: str | Iterable[str] = (),
        *,
        tags: Iterable[str] = (),
        unless_run: str | None = None,
        allow_shrink: bool = False,
    ) -> Plan:
        """Return what ``refresh`` would do. Reads only.

        Args:
            unless_run: where this run has made a generation of a view already, plan it as ``plan`` does, so
                that a caller who is tried again resumes it and builds no second one.
            allow_shrink: as for ``plan``.
        """
        views = self.observer.choose(names, tags)
        for view in sorted(views):
            record = self.observer.record(view)
            refuse_without_file(record, self.project())
            if not is_made_by(record, unless_run):
                refuse_frozen(record, self.clock())
        request = PlanRequest(only=views, refresh=views, unless_run=unless_run, is_shrink_allowed=allow_shrink)
        return self._plan(request)

    def plan_rollback(self, name: str, *, reason: str = "rolled back") -> Plan:
        """Return what ``rollback`` would do. Reads only."""
        view = self.observer.resolve(name)
        record = self.observer.record(view)
        target, project = self.observer.target(record.project), self._readable_project()
        definition = next((each for each in project.views if each.name == view), None) if project else None
        is_broken = project is None or view.view in {each.view for each in project.broken}
        observed = self.observer.observe(project or Project(name=record.project))
        context = PlanContext(now=self.clock(), catalog=observed.catalog, target=target)
        return make_rollback(record, definition, context, is_file_known=not is_broken, reason=reason)

    def _readable_project(self) -> Project | None:
        """Return what the files say, None where they cannot be read: a rollback does not wait for that."""
        try:
            return self.project() if self.observer.has_files else Project(name="")
        except ProjectError:
            return None

    def plan_drop(self, name: str, *, reason: str = "a person asked for it", allow_drop: bool = False) -> Plan:
        """Return what ``drop`` would do. Reads only.

        Args:
            allow_drop: the view that people made under this name may be dropped, too.
        """
        views = frozenset([self.observer.resolve(name)])
        return self._plan(PlanRequest(only=views, drop=views, drop_reason=reason, is_drop_allowed=allow_drop))

    def plan_drop_all(
        self,
        *,
        reason: str = "a person asked for it",
        hand_made: str | Iterable[str] = (),
        with_registry: bool = False,
    ) -> Plan:
        """Return what ``drop_all`` would do. Reads only.

        Args: those of ``drop_all``.

        Raises:
            ProjectError: a name of ``hand_made`` is unknown.
            RegistryError: ``with_registry``, and views would be left that the registry manages.
        """
        project = self.observer.project_of_registry()
        observed = self.observer.observe(project)
        names = [hand_made] if isinstance(hand_made, str) else list(hand_made)
        # Once the registry is gone nobody knows these names, and nothing is left to do with them.
        originals = frozenset(map(self.observer.resolve, names)) if observed.has_registry else frozenset()
        views = choose_leaving(project, observed)
        plan = self._make(project, observed, PlanRequest(only=views, drop=views, drop_reason=reason))
        plan = complete_leaving(plan, project, observed, originals, self.registry.keyspace)
        if not with_registry:
            return plan
        contents = read_contents(self.database, self.registry.keyspace)
        drop = None
        if contents.tables or contents.drops_keyspace:
            drop = DropRegistry(
                keyspace=self.registry.keyspace, tables=contents.tables, drops_keyspace=contents.drops_keyspace
            )
        return with_registry_drop(plan, observed, drop, find_marked(self.database, self.registry.keyspace))

    def plan_audit(
        self,
        names: str | Iterable[str] | None = None,
        *,
        tags: Iterable[str] = (),
        request: AuditRequest = FULL_AUDIT,
    ) -> Plan:
        """Return what ``audit`` would do. Reads only.

        Args:
            names, tags: these views alone; without any, all of this project that serve.

        Raises:
            ProjectError: a name or tag is unknown, or a view that is named serves nothing.
        """
        only = self._chosen(names, tags)
        project = self.observer.project_of_registry()
        records = self.registry.read_all() if self.registry.exists() else ()
        return make_audits(project, records, self.observer.target(project.name), only, self.clock(), request)

    def plan_abort(self, name: str) -> Plan:
        """Return what ``abort`` would do. Reads only."""
        view = self.observer.resolve(name)
        return self._plan(PlanRequest(only=frozenset([view]), abort=frozenset([view])))

    def status(
        self, names: str | Iterable[str] | None = None, *, tags: Iterable[str] = (), with_gone: bool = False
    ) -> tuple[ViewStatus, ...]:
        """Return the status of every view that has a file or a generation. Reads only.

        Args:
            names, tags: these views alone; without any, all. Of one that is named, whatever is left is shown.
            with_gone: also those that have neither.
        """
        only = self._chosen(names, tags)
        project = self.observer.project_of_registry()
        observed = self.observer.observe(project)
        named = {record.name for record in observed.records} if with_gone else only or ()
        self.observer.files.save()
        found = view_statuses(project, observed.records, observed.catalog, self.clock(), named=named)
        return tuple(each for each in found if only is None or each.name in only)

    def diff(self, name: str) -> DefinitionDiff:
        """Return what the view's file says otherwise than the generation that serves, or the newest one. Reads only.

        Raises:
            ProjectError: there is no file, or nothing to compare it with.
        """
        view = self.observer.resolve(name)
        record = self.observer.record(view)
        project = self.project()
        refuse_without_file(record, project)
        definition = next((each for each in project.views if each.name == view), None)
        if definition is None:
            raise next(each.error for each in project.broken if each.view == view.view)
        if not record.generations:
            raise ProjectError(
                f"there is no generation to compare its file with: {record.absence()}",
                on=str(view),
                next=f"'views plan {view.view}' shows what would be made",
            )
        return make_diff((record.in_state(State.SERVING) or record.generations)[-1], definition, record)

    def explain_read(self, select: str) -> ReadExplanation:
        """Return which table, view or generation answers a SELECT, why others do not, and what would. Reads only.

        Raises:
            StatementError: it is no SELECT that can be read here.
            ProjectError: there is no such table or view.
        """
        statement = parse_select(select)
        project = self.observer.project_of_registry()
        observed = self.observer.observe(project)
        catalog = observed.catalog
        if statement.keyspace is not None and statement.keyspace not in {each for each, _table in catalog.tables}:
            catalog = read_catalog(self.database, [statement.keyspace])
        keyspace, base, _asked = find_base_of(statement, catalog, observed.records, project)
        return explain_read(
            statement,
            catalog,
            observed.records,
            complete_project(project, catalog),
            indexes=read_indexes(self.database, keyspace, base),
            has_sai=has_storage_attached_indexes(self.database),
        )

    def record(self, name: str) -> ViewRecord:
        """Return everything the registry holds of a view. Reads only."""
        return self.observer.record(self.observer.resolve(name))

    def history(self, name: str, *, limit: int = 50) -> list[Event]:
        """Return the view's last events, newest first. Reads only."""
        view = self.observer.resolve(name)
        return self.registry.history(view, limit=limit) if self.registry.exists() else []

    def facts(self) -> ClusterFacts:
        """Return what every node says of itself. Reads only."""
        return self.observer.facts()

    @property
    def wrong_files(self) -> tuple[ProjectError, ...]:
        """What is wrong with the project's files, as far as they were read; their views are left as they are."""
        return self.observer.wrong_files

    def _chosen(self, names: str | Iterable[str] | None, tags: Iterable[str]) -> frozenset[ViewName] | None:
        """Return the views that are named, or None where all are meant."""
        tags = tuple(tags)
        return self.observer.choose(names or (), tags) if names is not None or tags else None

    def _make(self, project: Project, observed: Observed, request: PlanRequest) -> Plan:
        files = self.observer.files
        target = self.observer.target(project.name)
        plan = make_plan(project, observed, target, request, self.clock(), passed=files.passed)
        files.save()
        return plan

    def _plan(self, request: PlanRequest) -> Plan:
        needs_files = not (request.drop or request.abort)
        project = self.project() if needs_files else self.observer.project_of_registry()
        observed = self.observer.observe(project)
        plan = self._make(project, observed, request)
        errors = [each.as_error() for each in plan.refused]
        is_waiting = any(isinstance(error, WAITING) for error in errors)
        if request.only and not plan.steps and len(errors) >= len(request.only) and not is_waiting:
            raise errors[0]
        sizes = self.observer.sizes(plan.steps, observed.catalog)
        costs = costs_of(
            plan.steps,
            observed.catalog,
            sizes,
            keeps_snapshot=not self.observer.facts().has_snapshot_option,
            records=observed.records,
        )
        doubts = self.observer.time_warnings(plan.steps, project, observed.catalog, self.clock())
        doubts += self.observer.repair_warnings(plan.steps, observed.catalog, self.clock())
        return replace(plan, costs=costs, notes=(*plan.notes, *doubts))


__all__ = ["Planner"]
