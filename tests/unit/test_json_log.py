"""Log lines as JSON: one a record, with the request they belong to, and nothing that breaks out of its line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from cassandra_views.json_log import JsonLines, log_as_json
from cassandra_views.web.extension import REQUEST_ID, mark_requests


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    log_as_json(stream)
    yield stream
    root.handlers[:] = kept
    root.setLevel(level)


def test_a_line_is_json_whatever_its_text_holds(lines: io.StringIO) -> None:
    logging.getLogger("shop").warning('two\nlines and a "quote" of %s', "ünïts", extra={"view": "a\nb", "rows": 3})
    (line,) = lines.getvalue().splitlines()
    found = json.loads(line)
    assert found["at"].endswith("Z")
    assert (found["level"], found["logger"], found["view"], found["rows"]) == ("warning", "shop", "a\nb", 3)
    assert found["text"] == 'two\nlines and a "quote" of ünïts'
    assert "request_id" not in found


def test_a_failure_is_one_line_too(lines: io.StringIO) -> None:
    try:
        raise ValueError("no\nsuch thing")
    except ValueError:
        logging.getLogger("shop").exception("it failed")
    (line,) = lines.getvalue().splitlines()
    assert "ValueError" in json.loads(line)["exception"]


def test_lines_of_a_request_carry_its_id(lines: io.StringIO) -> None:
    app = Flask("shop")
    mark_requests(app)

    @app.get("/act")
    def act() -> str:
        app.logger.info("acted")
        return "done"

    answer = app.test_client().get("/act", headers={REQUEST_ID: "of-the-caller.1"})
    assert answer.headers[REQUEST_ID] == "of-the-caller.1"
    found = json.loads(lines.getvalue().splitlines()[-1])
    assert (found["request_id"], found["method"], found["path"]) == ("of-the-caller.1", "GET", "/act")


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, '"}', "ü"])
def test_an_id_that_is_not_plain_is_replaced(given: str) -> None:
    app = Flask("shop")
    mark_requests(app)
    first, second = (app.test_client().get("/none", headers={REQUEST_ID: given}).headers[REQUEST_ID] for _ in "ab")
    assert len(first) == 16
    assert given != first != second


def test_what_is_no_json_is_written_as_text() -> None:
    record = logging.makeLogRecord({"msg": "read", "seconds": object, "levelname": "INFO"})
    assert "class 'object'" in json.loads(JsonLines().format(record))["seconds"]
