"""What one app keeps of its views: options, session, readers and their limits, and the queries of its pages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Session
from cassandra.query import tuple_factory

from cassandra_client.database import Database
from cassandra_views.manager import ViewManager
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.steps import Plan
from cassandra_views.overview.cluster_health import RecordedHealthReader
from cassandra_views.overview.doctor import DoctorReader
from cassandra_views.overview.queries import overview_query
from cassandra_views.overview.query_runner import Clock, QueryRunner, RegistryQuery, utc_now
from cassandra_views.overview.session_provider import SessionProvider, SessionSource
from cassandra_views.project.cache import FileCache
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.session import session_of
from cassandra_views.project.settings import Settings
from cassandra_views.read import ViewReader
from cassandra_views.web.options import WebOptions
from cassandra_views.web.read_limiter import ReadLimiter
from cassandra_views.web.read_metrics import MeasuredLimiter, MeasuredReader

PLAN_SECONDS = 10.0
"""How long a page waits for a plan, and for how long it is shown to others: a thousand files take a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readers:
    """The readers of one session: rows as the app's code sees them, and as plain tuples for the API."""

    session: Session
    named: ViewReader
    plain: ViewReader


class AppState:
    """What one app keeps of its views; safe to use from many threads.

    The pages, the API, the metrics and the probes share its queries: one answer for all of them.
    """

    def __init__(self, options: WebOptions, clock: Clock = utc_now) -> None:
        self.options = options
        self.clock = clock
        self.read_limiter: ReadLimiter = MeasuredLimiter(
            most=options.most_at_once, most_per_client=options.most_at_once_per_client
        )
        self.session_provider = SessionProvider(self._find_source, timeout_seconds=options.timeout_seconds)
        self.queries = QueryRunner(self.session_provider.get_database, lambda: self.registry)
        self.overview = overview_query(
            next_without_registry="where it has another name, set VIEWS_REGISTRY",
            find_project=self.find_project,
            clock=clock,
        )
        self.recorded_health = RecordedHealthReader(lambda: self.find_settings().env.healing).query
        self.doctor = DoctorReader(find_settings=self.find_settings, find_project=self.find_project, clock=clock).query
        self.plan: RegistryQuery[Plan] = RegistryQuery(
            key="plan", read=self._read_plan, keep_seconds=PLAN_SECONDS, patience_seconds=PLAN_SECONDS
        )
        self._readers: _Readers | None = None
        self._files = FileCache()

    def find_settings(self) -> Settings:
        """Return how the cluster is reached: views.toml is looked for from the working folder upwards."""
        return self.options.settings(Path.cwd())

    @cached_property
    def registry(self) -> str:
        """Return the keyspace of the registry."""
        return self.find_settings().env.registry

    @cached_property
    def cache_seconds(self) -> float:
        """Return how long readers keep the pointer to what serves."""
        return self.find_settings().env.reader_cache_seconds

    @property
    def reader(self) -> ViewReader:
        """Return the reader whose rows are named tuples."""
        return self._current().named

    @property
    def plain_reader(self) -> ViewReader:
        """Return the reader whose rows are tuples in the order of the view's columns."""
        return self._current().plain

    def find_project(self) -> Project | None:
        """Return what the view files say; None where there are none.

        Raises:
            ProjectError: the folder cannot be read.
        """
        settings = self.find_settings()
        if not settings.templates.is_dir():
            return None
        return ProjectLoader.of(settings, self._files).load(skip_broken=True)

    def _read_plan(self, database: Database, _registry: Any) -> Plan:
        """Return what the next ``views apply`` would do; what cannot be planned is in ``refused``.

        Raises:
            ProjectError: there are no files here, or they cannot be read.
        """
        settings = self.find_settings()
        if not settings.templates.is_dir():
            raise ProjectError(
                "there are no view files where this app runs, so what they would change is not known",
                on=settings.templates.name,
                next="Set VIEWS_TEMPLATES to their folder; or run 'views plan' where they are",
            )
        return ViewManager(database.session, settings=settings, author="", clock=self.clock).plan()

    def _find_source(self) -> SessionSource:
        seconds = self.options.timeout_seconds
        return SessionSource(open=partial(session_of, self.find_settings(), request_timeout_seconds=seconds))

    def _current(self) -> _Readers:
        session = self.session_provider.get()
        readers = self._readers
        if readers is None or readers.session is not session:

            def reader(profile: Any) -> ViewReader:
                return MeasuredReader(
                    session,
                    registry=self.registry,
                    keyspace=self.options.keyspace,
                    cache_seconds=self.cache_seconds,
                    timeout_seconds=self.options.timeout_seconds,
                    execution_profile=profile,
                )

            tuples = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)
            readers = _Readers(session=session, named=reader(EXEC_PROFILE_DEFAULT), plain=reader(tuples))
            self._readers = readers
        return readers
