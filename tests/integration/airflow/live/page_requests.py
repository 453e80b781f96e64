"""Requests to Airflow's own app with the plugin in it, made in its process; plain values go in and come out."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.integration.airflow.components import password_of

PAGE = "/cassandra-views"
COOKIE = "_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request was answered with, and after how long."""

    status: int
    headers: dict[str, str]
    text: str = field(repr=False)
    seconds: float


def ask(
    paths: Sequence[str], *, user: str | None = None, token: str | None = None, accept: str = "text/html"
) -> list[Answer]:
    """Ask for all of these at once, as a user of the simple auth manager, with a given token, or as nobody."""
    return asyncio.run(_ask(paths, user, token, accept))


def threads() -> int:
    """Return how many threads the page has."""
    return sum(each.name.startswith("cassandra-views-page") for each in threading.enumerate())


def configure(**options: str) -> None:
    """Set options of the section ``cassandra_views`` and let the page begin anew."""
    from cassandra_views.airflow.page import get_app

    for name, value in options.items():
        os.environ[f"AIRFLOW__CASSANDRA_VIEWS__{name.upper()}"] = value
    get_app.cache_clear()


def frame() -> dict[str, Any]:
    """Return what Airflow's navigation is told of the page."""
    from airflow import plugins_manager

    (found,) = [each for each in plugins_manager._get_ui_plugins()[0] if each["name"] == "Views"]
    return dict(found)


async def _ask(paths: Sequence[str], user: str | None, token: str | None, accept: str) -> list[Answer]:
    import httpx

    transport = httpx.ASGITransport(app=_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://airflow.test", timeout=60) as client:
        if user is not None:
            known = {"username": user, "password": password_of(Path(os.environ["AIRFLOW_HOME"]), user)}
            token = (await client.post("/auth/token", json=known)).json()["access_token"]
        client.cookies = httpx.Cookies({COOKIE: token} if token else {})

        async def one(path: str) -> Answer:
            begun = time.monotonic()
            got = await client.get(path, headers={"Accept": accept})
            seconds = time.monotonic() - begun
            return Answer(status=got.status_code, headers=dict(got.headers), text=got.text, seconds=seconds)

        return await asyncio.gather(*map(one, paths))


@cache
def _app() -> Any:
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"  # as airflow.api_fastapi.main does
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")
