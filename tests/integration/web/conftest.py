"""A server that asks who reads, apps that read it as the reader, and browsers that look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.web import CassandraViews
from tests.browser import chromium
from tests.integration.web.clock import clock
from tests.integration.web.place import Place
from tests.serving import serve
from tests.wire import Wire

SETTINGS = {
    "authenticator": "PasswordAuthenticator",
    "authorizer": "CassandraAuthorizer",
    "permissions_validity": "0ms",
    "roles_validity": "0ms",
}

MakeApp = Callable[..., Flask]
Serving = Callable[[Flask], AbstractContextManager[str]]


@pytest.fixture(scope="package")
def reader_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server with passwords and grants, and views on it that a superuser's manager has made."""
    folder = tmp_path_factory.mktemp("web") / "parks"
    with EmbeddedCassandra(address="127.0.14.1", port=0, settings=SETTINGS) as server:
        points = tuple(server.contact_points)
        with connected(points, port=server.port, username="cassandra", password="cassandra") as session:
            place = Place(session=session, server=server, folder=folder)
            place.make()
            yield place


@pytest.fixture
def make_app(reader_server: Place) -> Iterator[MakeApp]:
    """Make apps that read as the reader: ``make_app(VIEWS_TIMEOUT_SECONDS=1)``; their sessions end with the test."""
    made: list[CassandraViews] = []

    def make(**config: Any) -> Flask:
        app = Flask("parks")
        app.config.update(reader_server.config | config)
        made.append(CassandraViews(app, clock=clock))
        return app

    yield make
    for each in made:
        each.state.session_provider.close()


@pytest.fixture(scope="package")
def shared_app(reader_server: Place) -> Iterator[Flask]:
    """An app with nothing special, for tests that change nothing: its session is opened once."""
    app = Flask("parks")
    app.config.update(reader_server.config | {"TESTING": True})
    views = CassandraViews(app, clock=clock)
    yield app
    views.state.session_provider.close()


@pytest.fixture
def client(shared_app: Flask) -> FlaskClient:
    """A client of ``shared_app``; what an app raises and does not answer is raised here."""
    return shared_app.test_client()


@pytest.fixture
def serving() -> Serving:
    """Return ``serve``."""
    return serve


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page, 1280 by 800, with nothing kept from other tests."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


@pytest.fixture
def wire(reader_server: Place) -> Iterator[Wire]:
    """What an app may reach the server by, to be cut or held: ``make_app(**by_wire(wire))``."""
    made = Wire(reader_server.contact_points[0], reader_server.port)
    yield made
    made.mend()
    made.close()


def by_wire(wire: Wire) -> dict[str, Any]:
    """Return the configuration of an app that reaches its server by a wire."""
    return {"VIEWS_CONTACT_POINTS": "127.0.0.1", "VIEWS_PORT": wire.port}
