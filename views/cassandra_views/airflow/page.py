"""The pages of ``overview`` in Airflow's API server: who may see them, their session, and what they link to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.configuration import conf
from airflow.sdk.exceptions import AirflowException
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.security import HTTPAuthorizationCredentials
from starlette.datastructures import MutableHeaders

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_healing.policy import Policy
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.hook import ViewsHook, access_key
from cassandra_views.airflow.links import PAGE
from cassandra_views.overview.cluster_health import RecordedHealthReader
from cassandra_views.overview.doctor import DoctorReader
from cassandra_views.overview.pages import PageResponse, ViewPages, security_headers
from cassandra_views.overview.queries import overview_query
from cassandra_views.overview.query_runner import STATEMENT_SECONDS, QueryRunner, QuerySteps, RegistryQuery
from cassandra_views.overview.session_provider import SessionProvider, SessionSource

_SECTION = "cassandra_views"
_HEADERS = security_headers(is_framed=True)  # by Airflow's own frame, and no other
_CONNECT_SECONDS = 10.0
_RENEW_SECONDS = 30.0
"""After so long the Airflow connection is read again: somebody may have changed it."""


@cache
def get_app() -> FastAPI:
    """Return the app of this process, by the section ``cassandra_views`` of Airflow's configuration."""
    conn_id = conf.get(_SECTION, "conn_id", fallback="cassandra_default")
    registry = conf.get(_SECTION, "registry", fallback="views_registry")
    prefix = conf.get(_SECTION, "dag_id_prefix", fallback="")
    sessions = SessionProvider(
        lambda: find_source(conn_id), timeout_seconds=_CONNECT_SECONDS, renew_seconds=_RENEW_SECONDS
    )
    runner = QueryRunner(
        sessions.get_database,
        lambda: registry,
        connection_advice="Check that its nodes are up and reachable, and that host, login and password of the Airflow "
        "connection are right; then look again",
    )
    return make_app(runner, Deployment(templates="", conn_id=conn_id, dag_id_prefix=prefix))


def find_source(conn_id: str) -> SessionSource:
    """Return how the cluster of a connection is reached, with the time-outs of a page instead of those of a task.

    Raises:
        ConfigurationError: there is no such connection, or it is wrong.
    """
    try:
        access = ViewsHook(conn_id).access()
    except AirflowException as error:
        raise ConfigurationError(
            f"the connection cannot be read: {error}",
            on=f"connection {conn_id}",
            next="Add it under Admin, Connections, with the type cassandra; or set conn_id under [cassandra_views] in "
            "airflow.cfg to the one that there is",
        ) from error
    seconds = {
        key: min(STATEMENT_SECONDS, access.options.get(key, STATEMENT_SECONDS))
        for key in ("request_timeout_seconds", "connect_timeout_seconds")
    }
    hurried = replace(access, options={**access.options, **seconds})
    return SessionSource(open=hurried.opened, key=access_key(hurried))


class NotLoggedIn(Exception):
    """Nobody is logged in, or no longer."""


class NotAllowed(Exception):
    """Somebody is logged in who may not see views."""


async def logged_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> BaseUser:
    """Return who asks: by Airflow's cookie or by a token. Airflow protects its own pages alone.

    Raises:
        NotLoggedIn: there is neither, or it is over or forged.
    """
    try:
        return await get_user(request, None, credentials)
    except HTTPException as error:
        raise NotLoggedIn(str(error.detail)) from error


def authorized(user: Annotated[BaseUser, Depends(logged_in)]) -> BaseUser:
    """Return who asks and may see views: those who may see assets, since each view is one.

    Raises:
        NotLoggedIn: as ``logged_in``.
        NotAllowed: the role lacks that right.
    """
    if not get_auth_manager().is_authorized_asset(method="GET", user=user):
        raise NotAllowed(user.get_name())
    return user


def make_app(runner: QueryRunner, deployment: Deployment) -> FastAPI:
    """Return an app with the pages.

    Args:
        deployment: for the ids of the views' DAGs.
    """
    app = FastAPI(title="Views", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Headers)
    pages = ViewPages(
        overview=overview_query(
            next_without_registry="where it has another name or is on another cluster, set registry and conn_id under "
            "[cassandra_views] in airflow.cfg"
        ),
        # Without views.toml only the default keyspace is known.
        recorded_health=RecordedHealthReader(Policy).query,
        doctor=DoctorReader().query,
        scripts=("frame.js",),
        assets_cache="private",
    )

    @app.get("/{path:path}")
    async def show(
        request: Request, user: Annotated[BaseUser, Depends(authorized)], path: str, q: str = ""
    ) -> Response:
        found = pages.find_asset(path)
        if found is None:
            dags = await run_in_threadpool(get_auth_manager().get_authorized_dag_ids, user=user)

            def dag(dag_id: str) -> str | None:
                return f"{_airflow_root(request)}/dags/{dag_id}" if dag_id in dags else None

            links = {
                **_links(request),
                "dag_of": lambda name: dag(deployment.dag_id(name.view)),
                "manual_actions": dag(deployment.service_id("by_hand")),
            }
            found = await _run(runner, pages.respond(path, q, links))
        return _answer(found)

    @app.exception_handler(NotLoggedIn)
    async def ask_to_log_in(request: Request, error: Exception) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(_login_address(request), status_code=303, headers={"Cache-Control": "no-store"})
        return JSONResponse({"detail": str(error)}, status_code=401, headers={"WWW-Authenticate": "Bearer"})

    @app.exception_handler(NotAllowed)
    async def refuse(request: Request, error: Exception) -> Response:
        refusal = ViewsError(
            "you may not see views",
            on=f"user {error}",
            remains="Views are assets of Airflow, and your role may not read those",
            next="Ask the administrator of your Airflow for a role that can read assets",
        )
        return _answer(pages.error(refusal, _links(request), status=403))

    return app


async def _run(runner: QueryRunner, steps: QuerySteps[PageResponse]) -> PageResponse:
    """Do as ``QueryRunner.run``, without holding up Airflow's other requests."""

    async def ask(query: RegistryQuery[Any]) -> Any:
        try:
            # Shielded: others may wait for the same, and the answer is good for who comes next.
            answer = asyncio.shield(asyncio.wrap_future(runner.begin(query)))
            return await asyncio.wait_for(answer, query.patience_seconds)
        except TimeoutError:
            return runner.too_late(query.patience_seconds)
        except ViewsError as error:
            return error

    try:
        queries = next(steps)
        while True:
            queries = steps.send(await asyncio.gather(*map(ask, queries)))
    except StopIteration as end:
        found: PageResponse = end.value
        return found


def _answer(found: PageResponse) -> Response:
    headers = {**found.headers, "Content-Type": found.content_type}
    return Response(found.body, status_code=found.status, headers=headers)


def _links(request: Request) -> dict[str, Any]:
    return {"root": request.scope["root_path"], "home": "", "home_name": ""}


def _airflow_root(request: Request) -> str:
    """Return the path at which Airflow itself is, without a slash at its end."""
    return str(request.scope["root_path"]).removesuffix(PAGE)


def _login_address(request: Request) -> str:
    """Return Airflow's own door, which leads to the login of its auth manager and back to this request."""
    here = request.scope["root_path"] + request.url.path.partition(PAGE)[2]
    if request.url.query:
        here += f"?{request.url.query}"
    return f"{_airflow_root(request)}/api/v2/auth/login?next={quote(here, safe='')}"


class _Headers:
    """Adds ``_HEADERS`` to every answer, errors and redirects included."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with)
