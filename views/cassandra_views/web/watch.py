"""What the pages, the metrics and the probes of one app look at: one look for all of them, through its one session."""

from __future__ import annotations

import time
from collections.abc import Hashable
from concurrent.futures import Future
from typing import Any

from cassandra import Unauthorized

from cassandra_client.database import Database
from cassandra_client.driver_errors import advice
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.manager import ViewManager
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.steps import Plan
from cassandra_views.overview.lookout import KEEP_SECONDS, PATIENCE_SECONDS, STATEMENT_SECONDS, Lookout, Question
from cassandra_views.overview.questions import Overview, overview_question
from cassandra_views.overview.recorded_health import RecordedHealthQuery
from cassandra_views.overview.view import Asking
from cassandra_views.project.cache import FileCache
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.web.of_app import ViewsOfApp

PLAN_SECONDS = 10.0
"""How long a page waits for a plan, and for how long it is shown to others: a thousand files take a while."""


class Watch:
    """Looks at the registry of an app's views; safe to use from many threads."""

    def __init__(self, of_app: ViewsOfApp) -> None:
        self._of_app = of_app
        self._lookout = Lookout(self._find_database, lambda: of_app.registry, _retold)
        self._open: Database | None = None
        self._files = FileCache()
        self.kept: Asking = ("kept", RecordedHealthQuery(lambda: of_app.find_settings().env.healing))
        self._overview = overview_question(
            next_without_registry="where it has another name, set VIEWS_REGISTRY",
            find_project=self.find_project,
        )

    def overview(self, *, keep_seconds: float = KEEP_SECONDS, patience_seconds: float = PATIENCE_SECONDS) -> Overview:
        """Return all views.

        Args:
            keep_seconds: how old the answer may be that others asked for with the same word.

        Raises:
            RegistryError: there is no registry, or a newer program made it.
            ClusterError: the cluster does not answer in time, or the role lacks rights.
            ConfigurationError: what is configured cannot be used.
        """
        key = ("overview", keep_seconds)
        return self._lookout.ask(key, self._overview, keep_seconds=keep_seconds, patience_seconds=patience_seconds)

    def ask(self, key: Hashable, question: Question[Any], *, patience_seconds: float = PATIENCE_SECONDS) -> Any:
        """Return the answer to a question; errors as ``Lookout.ask``."""
        return self._lookout.ask(key, question, patience_seconds=patience_seconds)

    def ask_all(
        self,
        askings: tuple[Asking, ...],
        *,
        keep_seconds: float = KEEP_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> list[Any]:
        """Return the answers to questions asked at once; an error stands for the answer that there is not.

        Waits no longer for all of them than for one.
        """
        deadline = time.monotonic() + patience_seconds
        begun: list[Future[Any] | ViewsError] = []
        for key, question in askings:
            try:
                begun.append(self._lookout.begin(key, question, keep_seconds=keep_seconds))
            except ViewsError as error:
                begun.append(error)
        return [each if isinstance(each, ViewsError) else self._answer(each, deadline) for each in begun]

    def _answer(self, begun: Future[Any], deadline: float) -> Any:
        try:
            return self._lookout.wait(begun, deadline - time.monotonic())
        except ViewsError as error:
            return error

    def plan(self) -> Plan:
        """Return what the next ``views apply`` would do; what cannot be planned is in ``refused``. Reads only.

        Raises:
            ProjectError: there are no files here, or they cannot be read.
            ClusterError: the cluster does not answer in time, or the role lacks rights.
        """
        return self._lookout.ask("plan", self._plan, patience_seconds=PLAN_SECONDS, keep_seconds=PLAN_SECONDS)

    def _plan(self, database: Database, _registry: Any) -> Plan:
        settings = self._of_app.find_settings()
        if not settings.templates.is_dir():
            raise ProjectError(
                "there are no view files where this app runs, so what they would change is not known",
                on=settings.templates.name,
                next="Set VIEWS_TEMPLATES to their folder; or run 'views plan' where they are",
            )
        return ViewManager(database.session, settings=settings, author="").plan()

    def find_project(self) -> Project | None:
        """Return what the view files say; None where there are none.

        Raises:
            ProjectError: the folder cannot be read.
        """
        settings = self._of_app.find_settings()
        if not settings.templates.is_dir():
            return None
        return ProjectLoader.of(settings, self._files).load(skip_broken=True)

    def _find_database(self) -> Database:
        session = self._of_app.connection.get()
        if self._open is None or self._open.session is not session:
            seconds = min(STATEMENT_SECONDS, self._of_app.options.timeout_seconds)
            self._open = Database(session, timeout_seconds=seconds)
        return self._open


def _retold(error: ClusterError) -> ClusterError:
    """Return the error with what to do next on a page, where there is no command to run again."""
    cause, next_ = error.__cause__, error.next
    if isinstance(cause, Unauthorized):
        next_ = "Grant the role what docs/guides/operations-pages.md lists under Permissions"
    elif cause is not None and next_ == advice(cause):
        next_ = advice(cause, again="look again")
    return ClusterError(error.what, on=error.on, remains=error.remains, next=next_)
