"""The examples of the guides for FastAPI and plain WSGI, run as they stand there, and what needs no Flask."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest

from cassandra_client.errors import ConfigurationError
from cassandra_views import AsyncViewReader, ViewReader, json_log
from cassandra_views.model.errors import ReadError
from cassandra_views.web.wsgi import create_app
from tests.unit.docs.test_docs import blocks
from tests.unit.read.session_double import SessionDouble

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
DAY = "2026-11-01"
SERVER_LOGGERS = ("uvicorn", "uvicorn.access", "gunicorn.error", "gunicorn.access")
EXPECTED = [{"day": DAY, "total": "0"}, {"day": DAY, "total": "1"}]


def example(guide: str, word: str) -> dict[str, Any]:
    """Run the block of a guide that holds a word, and return its names."""
    block = next(each for each in blocks(GUIDES / guide, "python") if word in each)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(block, guide, "exec", dont_inherit=True), names)
    return names


def get(app: Any, *paths: str) -> list[httpx.Response]:
    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(ask())


def call(application: Any, path: str, query: str = "") -> tuple[int, dict[str, str], Any]:
    environ: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    told: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _failure: Any = None) -> Callable[[bytes], object]:
        told.extend([int(status.partition(" ")[0]), dict(headers)])
        return lambda _body: None

    answer = validator(application)(environ, start_response)
    body = b"".join(answer)
    answer.close()  # type: ignore[attr-defined]
    return told[0], told[1], json.loads(body)


def test_fastapi_reads_page_after_page_and_tells_what_is_wrong() -> None:
    app, session = example("fastapi.md", "lifespan")["app"], SessionDouble()
    app.state.views = AsyncViewReader(session)
    (first,) = get(app, f"/orders/{DAY}")
    assert first.json()["orders"] == EXPECTED
    assert len(first.json()["next_page"]) > 20
    session.existing.clear()
    wrong, gone = get(app, f"/orders/{DAY}?page=x", f"/orders/{DAY}")
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/problem+json")
    assert (gone.status_code, gone.headers["retry-after"]) == (503, "1")
    assert set(gone.json()) >= {"what", "on", "remains", "next"}


def test_fastapi_closes_its_reader_and_its_session() -> None:
    names = example("fastapi.md", "lifespan")
    closed: list[object] = []

    class ClusterDouble:
        def __init__(self, _contact_points: list[str]) -> None:
            self.connect, self.shutdown = SessionDouble, lambda: closed.append(self)

    names["Cluster"], app = ClusterDouble, names["app"]

    async def fail() -> None:
        async with names["lifespan"](app):
            assert len(await app.state.views.select("orders_by_day", day=DAY)) == 3
            raise InterruptedError

    with pytest.raises(InterruptedError):
        asyncio.run(fail())
    assert len(closed) == 1
    with pytest.raises(ReadError, match="the reader is closed"):
        asyncio.run(app.state.views.describe("orders_by_day"))


def test_fastapi_gives_up_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    app, session = example("fastapi.md", "lifespan")["app"], SessionDouble()
    session.begin = lambda _complete: None  # it never answers
    app.state.views = AsyncViewReader(session)
    timeout = asyncio.timeout
    monkeypatch.setattr(asyncio, "timeout", lambda _seconds: timeout(0.05))
    (answer,) = get(app, f"/orders/{DAY}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_plain_wsgi_reads_page_after_page_and_tells_what_is_wrong() -> None:
    application = example("wsgi.md", "make_application(views")["make_application"](ViewReader(SessionDouble()))
    status, _headers, body = call(application, "/", f"day={DAY}")
    assert (status, body["orders"]) == (200, EXPECTED)
    assert len(body["next_page"]) > 20
    status, headers, body = call(application, "/", "")
    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    assert "is given no value" in body["what"]


def test_the_api_and_the_pages_stand_beside_an_app() -> None:
    def application(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'"the app"']

    both = example("wsgi.md", "def beside")["beside"](application)
    assert call(both, "/orders")[2] == "the app"
    status, headers, body = call(both, "/api/nothing/here")
    assert (status, headers["Content-Type"], body["on"]) == (404, "application/problem+json", "/api/nothing/here")
    environ: dict[str, Any] = {"PATH_INFO": "/views", "REQUEST_METHOD": "OPTIONS"}
    setup_testing_defaults(environ)
    assert b"the app" not in b"".join(both(environ, lambda *_: None)), "the list of views has no slash at its end"


def test_fastapi_holds_the_api_below_its_own_routes() -> None:
    app = example("fastapi.md", "a2wsgi")["app"]
    (answer,) = get(app, "/api/nothing/here")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_app_of_the_api_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="no key to sign page tokens"):
        create_app()
    monkeypatch.setenv("SECRET_KEY", "the tests' own")
    app = create_app()
    assert {"/api/views", "/healthz"} <= {rule.rule for rule in app.url_map.iter_rules()}
    assert app.import_name == "cassandra_views.web.wsgi", "'views' would be looked for in the working directory"


@pytest.fixture
def kept_logging() -> Iterator[None]:
    root, fields = logging.getLogger(), set(json_log._request_fields)
    loggers = [root, *map(logging.getLogger, SERVER_LOGGERS)]
    kept, level = [(each, each.handlers[:]) for each in loggers], root.level
    yield
    for each, handlers in kept:
        each.handlers[:] = handlers
    root.setLevel(level)
    json_log._request_fields.clear()
    json_log._request_fields.update(fields)


@pytest.mark.usefixtures("kept_logging")
def test_lines_of_a_request_of_fastapi_carry_its_id() -> None:
    app = example("fastapi.md", "describe_requests")["app"]
    stream = io.StringIO()
    json_log.log_as_json(stream)

    async def act() -> str:
        logging.getLogger("shop").info("acted")
        return "done"

    app.get("/act")(act)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
            await client.get("/act", headers={"X-Request-ID": "of-the-caller.1"})

    asyncio.run(ask())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (acted,) = [line for line in lines if line["logger"] == "shop"]
    assert (acted["request_id"], acted["path"]) == ("of-the-caller.1", "/act")


@pytest.mark.usefixtures("kept_logging")
@pytest.mark.parametrize(
    ("guide", "word", "names"),
    [("fastapi.md", "describe_requests", SERVER_LOGGERS[:2]), ("wsgi.md", "log_as_json", SERVER_LOGGERS[2:])],
)
def test_lines_of_the_server_are_json_too(guide: str, word: str, names: tuple[str, ...]) -> None:
    for name in names:
        logging.getLogger(name).handlers[:] = [logging.StreamHandler(io.StringIO())]
    handler = example(guide, word)["handler"]
    assert [logging.getLogger(name).handlers for name in names] == [[handler]] * len(names)


def test_what_other_frameworks_use_loads_no_flask() -> None:
    program = (
        "import sys; sys.modules.update(flask=None, prometheus_client=None, orjson=None)\n"
        "from cassandra_views import AsyncViewReader, ViewReader\n"
        "from cassandra_views import json_log\n"
        "from cassandra_views.web import problems, read_limiter\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
