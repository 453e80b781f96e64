"""The page as an app that Airflow's API server mounts: its addresses, its headers, what it says when it cannot."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from airflow.configuration import conf
from airflow.sdk.exceptions import AirflowException
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.datastructures import MutableHeaders

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.hook import Access, ViewsHook
from cassandra_views.airflow.page.visitor import (
    NotAllowed,
    NotLoggedIn,
    Visitor,
    airflow_root,
    login_address,
    visible_dags,
)
from cassandra_views.airflow.page.way import Way, retold
from cassandra_views.model.errors import ViewNotFound
from cassandra_views.overview.lookout import PATIENCE_SECONDS, Lookout
from cassandra_views.overview.pages import HEADERS, Pages, policy
from cassandra_views.overview.questions import overview_question
from cassandra_views.overview.row import rows_of
from cassandra_views.overview.view import Asking, ViewPage

_SECTION = "cassandra_views"
_HEADERS = {
    **HEADERS,
    # No frame but Airflow's own.
    "Content-Security-Policy": policy(frame_ancestors="'self'"),
    "X-Frame-Options": "SAMEORIGIN",
}
_PAGES = Pages("cassandra_views.airflow.page", scripts=("frame.js",))
_OVERVIEW: Asking = (
    "overview",
    overview_question(
        next_without_registry="where it has another name or is on another cluster, set registry and conn_id under "
        "[cassandra_views] in airflow.cfg"
    ),
)


@cache
def get_app() -> FastAPI:
    """Return the app of this process, by the section ``cassandra_views`` of Airflow's configuration."""
    conn_id = conf.get(_SECTION, "conn_id", fallback="cassandra_default")
    registry = conf.get(_SECTION, "registry", fallback="views_registry")
    prefix = conf.get(_SECTION, "dag_id_prefix", fallback="")
    deployment = Deployment(templates="", conn_id=conn_id, dag_id_prefix=prefix)
    way = Way(lambda: find_access(conn_id))
    return make_app(Lookout(way.database, lambda: registry, retold), deployment)


def find_access(conn_id: str) -> Access:
    """Return how the cluster of a connection is reached.

    Raises:
        ConfigurationError: there is no such connection, or it is wrong.
    """
    try:
        return ViewsHook(conn_id).access()
    except AirflowException as error:
        raise ConfigurationError(
            f"the connection cannot be read: {error}",
            on=f"connection {conn_id}",
            next="Add it under Admin, Connections, with the type cassandra; or set conn_id under [cassandra_views] in "
            "airflow.cfg to the one that there is",
        ) from error


def make_app(lookout: Lookout, deployment: Deployment) -> FastAPI:
    """Return an app that shows what a lookout sees.

    Args:
        deployment: for the ids of the views' DAGs.
    """
    app = FastAPI(title="Views", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Headers)
    app.add_exception_handler(NotLoggedIn, _to_login)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(ViewsError, _told)

    async def links(request: Request, user: Any) -> dict[str, Any]:
        """Return what every page links to: DAGs that there are and that this user may see."""
        dags = await run_in_threadpool(visible_dags, user)

        def dag(dag_id: str) -> str | None:
            return f"{airflow_root(request)}/dags/{dag_id}" if dag_id in dags else None

        return {
            **_base(request),
            "dag_of": lambda name: dag(deployment.dag_id(name.view)),
            "by_hand": dag(deployment.service_id("by_hand")),
        }

    async def ask(asking: Asking) -> Any:
        # Shielded: others may wait for the same, and the answer is good for who comes next.
        answer = asyncio.shield(asyncio.wrap_future(lookout.begin(*asking)))
        try:
            return await asyncio.wait_for(answer, PATIENCE_SECONDS)
        except TimeoutError as error:
            raise lookout.too_late() from error

    async def ask_if_possible(asking: Asking) -> Any:
        try:
            return await ask(asking)
        except ViewsError as error:  # the rest of the page stands without it
            return error

    async def ask_all(askings: tuple[Asking, ...]) -> list[Any]:
        return list(await asyncio.gather(*map(ask_if_possible, askings)))

    @app.get("/")
    async def show_list(request: Request, user: Visitor, q: str = "") -> Response:
        overview = await ask(_OVERVIEW)
        rows, shown = rows_of(overview), rows_of(overview, q)
        values: dict[str, Any] = {"overview": overview, "now": overview.at, "rows": rows, "shown": shown, "q": q}
        return _page("list.html", **values, **await links(request, user))

    @app.get("/view/{name}")
    async def show_view(request: Request, user: Visitor, name: str) -> Response:
        page = ViewPage.of(await ask(_OVERVIEW), name)
        events, builds, base = await asyncio.gather(ask(page.events), ask_all(page.builds), ask_all(page.base))
        return _page("view.html", **page.values(events, builds, base), **await links(request, user))

    @app.get("/view/{name}/build")
    async def show_build(user: Visitor, name: str) -> Response:
        page = ViewPage.of(await ask(_OVERVIEW), name)
        if not page.building:
            return Response(status_code=204)
        return _page("build.html", **page.build_values(await ask_all(page.builds)))

    @app.get("/{name}")
    async def show_asset(name: str, user: Visitor) -> Response:
        if name not in _PAGES.assets:
            raise HTTPException(404)
        headers = {"Cache-Control": "private, max-age=86400"}
        return Response(_PAGES.asset(name), media_type=_PAGES.assets[name], headers=headers)

    return app


def _base(request: Request) -> dict[str, Any]:
    return {"root": request.scope["root_path"], "airflow": airflow_root(request)}


def _page(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "10"} if status == 503 else {})
    return HTMLResponse(_PAGES.render(template, **values), status_code=status, headers=headers)


async def _to_login(request: Request, error: Exception) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(login_address(request), status_code=303, headers={"Cache-Control": "no-store"})
    return JSONResponse({"detail": str(error)}, status_code=401, headers={"WWW-Authenticate": "Bearer"})


async def _not_allowed(request: Request, error: Exception) -> Response:
    told = ViewsError(
        "you may not see views",
        on=f"user {error}",
        remains="Views are assets of Airflow, and your role may not read those",
        next="Ask for a role that may",
    )
    return _page("error.html", status=403, error=told, is_away=False, **_base(request))


async def _told(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, ViewNotFound) else 503
    return _page("error.html", status=status, error=error, is_away=status == 503, **_base(request))


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
