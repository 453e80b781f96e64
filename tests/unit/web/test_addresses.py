"""What is not there below the API's address is told as a problem, in JSON, and the app's other pages stay its own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cassandra_views.web import CassandraViews


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("shop")
    app.config.update(VIEWS_CONTACT_POINTS="127.0.0.1", VIEWS_PORT=1, SECRET_KEY="only of tests")
    CassandraViews(app)

    @app.errorhandler(404)
    def lost(_error: Any) -> tuple[str, int]:
        return "the shop has no such page", 404

    return app.test_client()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/views/", 404),
        ("GET", "/api/views/a/b/c", 404),
        ("GET", "/api//views", 404),
        ("GET", "/api/views//rows", 404),
        ("GET", "/api//", 404),
        ("POST", "/api/views", 405),
        ("DELETE", "/api/nothing", 405),
        ("POST", "/api/", 405),
        ("PROPFIND", "/api/views", 405),
        ("CONNECT", "/api/openapi.json", 405),
        ("BREW", "/api/", 405),
    ],
)
def test_unknown_addresses_and_methods_are_problems(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    told = answer.get_json()
    assert told["status"] == status
    assert told["on"] == path
    assert all(told[part] for part in ("what", "remains", "next", "detail", "title"))
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_other_pages_of_the_app_are_its_own(client: FlaskClient) -> None:
    for path in ("/nothing", "/apiary", "/"):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (404, "the shop has no such page")
    answer = client.get("/api")
    assert (answer.status_code, answer.headers["Location"]) == (308, "http://localhost/api/")


@pytest.mark.parametrize(
    ("prefix", "has_home", "ways"),
    [
        ("/views", True, {"/": "Back to shop", "/views/": "Views"}),
        ("/ops", False, {"/ops/": "Views"}),
        ("", True, {"/": "Back to shop"}),
    ],
)
def test_the_page_to_try_the_api_leads_back_to_the_pages(prefix: str, has_home: bool, ways: dict[str, str]) -> None:
    app = Flask("shop")
    app.config.update(VIEWS_CONTACT_POINTS="127.0.0.1", VIEWS_PORT=1, SECRET_KEY="only of tests")
    app.config.update(VIEWS_PAGES_PREFIX=prefix)
    CassandraViews(app)
    if has_home:
        app.add_url_rule("/", "home", lambda: "home")
    text = app.test_client().get("/api/").text  # also where the cluster is away
    tabs = text.partition('<nav class="tabs"')[2].partition("</nav>")[0]
    assert dict(re.findall(r'<a[^>]* href="([^"]*)"[^>]*>([^<]*)</a>', tabs)) == ways
