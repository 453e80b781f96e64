"""Requests to the page in a running Airflow, as a user, with a token, or as nobody."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from tests.integration.airflow.components import Components, password_of

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
    airflow: Components,
    paths: Sequence[str],
    *,
    user: str | None = None,
    token: str | None = None,
    accept: str = "text/html",
) -> list[Answer]:
    """Ask for all of these at once."""
    if user is not None:
        known = {"username": user, "password": password_of(airflow.home, user)}
        answer = httpx.post(f"{airflow.url}/auth/token", json=known, timeout=60)
        token = answer.json()["access_token"]
    cookies = {COOKIE: token} if token else {}
    with httpx.Client(base_url=airflow.url, timeout=60, cookies=cookies) as client:

        def one(path: str) -> Answer:
            begun = time.monotonic()
            got = client.get(path, headers={"Accept": accept})
            seconds = time.monotonic() - begun
            return Answer(status=got.status_code, headers=dict(got.headers), text=got.text, seconds=seconds)

        with ThreadPoolExecutor(len(paths)) as threads:
            return list(threads.map(one, paths))
