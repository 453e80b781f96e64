"""The Flask extension: views of a cluster, read by an app's threads through one session a process."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from cassandra.cluster import Session
from flask import Flask, Response, current_app, g, has_app_context, has_request_context, request

from cassandra_client.errors import ConfigurationError
from cassandra_views.json_log import describe_requests
from cassandra_views.overview.queries import Absence, absence_query
from cassandra_views.overview.query_runner import Clock, utc_now
from cassandra_views.read import Result
from cassandra_views.web.api.blueprint import api_blueprint
from cassandra_views.web.app_state import AppState
from cassandra_views.web.metrics import probes_blueprint
from cassandra_views.web.options import WebOptions
from cassandra_views.web.pages import pages_blueprint

KEY = "cassandra_views"
REQUEST_ID = "X-Request-ID"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class CassandraViews:
    """Views in a Flask app.

    Opens its session at the first read of each process, so an app may be made before its server forks.

    Args:
        app: an app to be set up now; else call ``init_app``.
        clock: tells the time, aware and in UTC.

    Example:
        >>> from flask import Flask
        >>> from cassandra_views.web import CassandraViews
        >>> app = Flask("shop")
        >>> app.config.update(VIEWS_CONTACT_POINTS="127.0.0.1", SECRET_KEY="...")
        >>> views = CassandraViews(app)
    """

    def __init__(self, app: Flask | None = None, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._only: AppState | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set an app up: read its configuration and add the API and the pages.

        Raises:
            ConfigurationError: a setting is unknown or wrong. Whether the cluster answers is not looked at.
        """
        state = AppState(WebOptions.of(app.config), self._clock)
        if state.options.api_prefix:
            app.register_blueprint(api_blueprint(state, state.options.token_key or app.secret_key or ""))
        app.register_blueprint(probes_blueprint(state))
        if state.options.pages_prefix:
            app.register_blueprint(pages_blueprint(state))
        mark_requests(app)
        self._only = app.extensions[KEY] = state

    def select(
        self,
        view: str,
        /,
        where: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        page: str | None = None,
        reverse: bool = False,
        **columns: Any,
    ) -> Result:
        """Read rows of a view, as ``ViewReader.select`` does; within the app's bounds.

        Raises:
            ClusterError: the cluster cannot be reached.
            Refused: too many reads are under way, or the cluster has not answered the last ones.
            ReadError: as ``ViewReader.select``.
        """
        state = self.state
        with state.read_limiter.reading(_client(), on=view):
            return state.reader.select(view, where, limit=limit, page=page, reverse=reverse, **columns)

    def find_absence(self, view: str) -> Absence:
        """Return why nothing serves a view: it is being built, off, dropped, failed, or was never made.

        For the page that an app shows in place of one whose view does not serve. Reads the registry alone.

        Raises:
            ClusterError: the cluster does not answer in time, or the role lacks rights.
            RegistryError: a newer program made the registry.
        """
        state = self.state
        return state.queries.ask(absence_query(view, state.options.keyspace, clock=state.clock))

    @property
    def session(self) -> Session:
        """Return the session of this process.

        Raises:
            ClusterError: the cluster cannot be reached.
        """
        return self.state.session_provider.get()

    @property
    def state(self) -> AppState:
        """Return what belongs to the current app; outside of any app's context, to the last one set up.

        Raises:
            ConfigurationError: no app was set up.
        """
        found: AppState | None = current_app.extensions.get(KEY) if has_app_context() else self._only
        if found is None:
            raise ConfigurationError(
                "this app was not set up for views",
                on="CassandraViews",
                next="Call init_app(app), or CassandraViews(app)",
            )
        return found


def _client() -> str:
    return request.remote_addr or "" if has_request_context() else ""


def mark_requests(app: Flask) -> None:
    """Give every request of an app an id: the one that its caller sent, else a new one.

    The answer carries it, and each line of the log as JSON.
    """
    describe_requests(_request_fields)

    @app.after_request
    def with_id(answer: Response) -> Response:
        answer.headers[REQUEST_ID] = _request_id()
        return answer


def _request_fields() -> dict[str, Any]:
    if not has_request_context():
        return {}
    return {"request_id": _request_id(), "method": request.method, "path": request.path}


def _request_id() -> str:
    """Return the id of the current request. What a caller sent is taken where it is short and plain."""
    known: str | None = g.get("views_request_id")
    if known is None:
        given = request.headers.get(REQUEST_ID, "")
        known = g.views_request_id = given if _SAFE.fullmatch(given) else uuid.uuid4().hex[:16]
    return known
