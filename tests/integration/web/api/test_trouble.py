"""A cluster that is away, hangs, or is asked too much: told within a time limit, and over when it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.web.api.test_rows import told
from tests.integration.web.clock import today
from tests.integration.web.conftest import MakeApp, by_wire
from tests.wire import Wire


def path() -> str:
    return f"/api/views/top_parks_by_day/rows?day={today()}&limit=5"


@pytest.fixture
def wired(make_app: MakeApp, wire: Wire) -> Flask:
    return make_app(TESTING=True, VIEWS_TIMEOUT_SECONDS=1.0, **by_wire(wire))


def await_status(client: FlaskClient, status: int, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while (found := client.get(path()).status_code) != status:
        assert time.monotonic() < until, f"still {found}"
        time.sleep(0.2)


def took(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def test_a_cluster_that_is_away_from_the_start(wired: Flask, wire: Wire) -> None:
    wire.cut()
    client = wired.test_client()
    found = client.get(path())
    assert "cannot be reached" in told(found, 503)["what"]
    assert found.headers["Retry-After"] == "1"
    wire.mend()
    await_status(client, 200)


def test_a_cluster_that_goes_away_and_comes_back(wired: Flask, wire: Wire) -> None:
    client = wired.test_client()
    assert client.get(path()).status_code == 200
    for _ in range(2):
        wire.cut()
        await_status(client, 503)
        for _ in range(10):
            told(client.get(path()), 503)
        wire.mend()
        await_status(client, 200)


def test_a_cluster_that_hangs_is_given_up_and_then_asked_seldom(wired: Flask, wire: Wire) -> None:
    client = wired.test_client()
    assert client.get(path()).status_code == 200
    wire.hold()
    assert took(lambda: told(client.get(path()), 503)) < 5  # at most three requests of a second, and slack
    for _ in range(6):
        told(client.get(path()), 503)
    # Now it is known: most are told at once, and one a second looks again.
    waited = [took(lambda: told(client.get(path()), 503)) for _ in range(20)]
    assert sorted(waited)[10] < 0.5
    wire.mend()
    await_status(client, 200)


def test_a_first_connection_that_hangs(wired: Flask, wire: Wire) -> None:
    wire.hold()
    client = wired.test_client()
    assert took(lambda: told(client.get(path()), 503)) < 5
    wire.mend()
    await_status(client, 200, 60)


def test_more_than_the_bound_is_refused_at_once(make_app: MakeApp, wire: Wire) -> None:
    app = make_app(
        TESTING=True,
        VIEWS_TIMEOUT_SECONDS=3.0,
        VIEWS_MOST_AT_ONCE=6,
        VIEWS_MOST_AT_ONCE_PER_CLIENT=4,
        **by_wire(wire),
    )
    assert app.test_client().get(path()).status_code == 200
    wire.hold()
    begun = threading.Barrier(20)

    def ask(number: int) -> tuple[int, float]:
        begun.wait()
        start = time.monotonic()
        found = app.test_client().get(path(), environ_base={"REMOTE_ADDR": f"10.0.0.{number % 2}"})
        if found.status_code == 429:
            told(found, 429)
            assert found.headers["Retry-After"] == "1"
        return found.status_code, time.monotonic() - start

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    wire.mend()
    quick = [status for status, seconds in answers if seconds < 2]
    assert len(quick) == 14
    assert set(quick) <= {429, 503}
    assert {status for status, seconds in answers if seconds >= 2} == {503}
    await_status(app.test_client(), 200)
