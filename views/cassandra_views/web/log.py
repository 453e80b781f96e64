"""Log lines as JSON, each with the request that it belongs to: one line a thing that happened, for programs to read."""

from __future__ import annotations

import json
import logging
import re
import sys
import uuid
from datetime import UTC, datetime
from typing import Any, TextIO

from flask import Flask, Response, g, has_request_context, request

from cassandra_views.model.times import instant_text

REQUEST_ID = "X-Request-ID"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEPT = ("request_id", "method", "path", "view", "generations", "rows", "seconds", "is_retried", "error")
"""What lines of ours carry beside their text; what others add is left to them."""


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON: ``at``, ``level``, ``logger``, ``text``, and what is known beside them."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        found: dict[str, Any] = {
            "at": instant_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        if has_request_context():
            found |= {"request_id": request_id(), "method": request.method, "path": request.path}
        found |= {key: record.__dict__[key] for key in _KEPT if key in record.__dict__}
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False, default=str)


def log_as_json(stream: TextIO | None = None, *, level: int = logging.INFO) -> logging.Handler:
    """Let all of the process's log lines go to a stream as JSON, instead of what they went to.

    Args:
        stream: where to; else standard error.

    Returns:
        The handler, to be taken away again.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    return handler


def mark_requests(app: Flask) -> None:
    """Give every request of an app an id: the one that its caller sent, else a new one; the answer carries it."""

    @app.after_request
    def with_id(answer: Response) -> Response:
        answer.headers[REQUEST_ID] = request_id()
        return answer


def request_id() -> str:
    """Return the id of the current request. What a caller sent is taken where it is short and plain."""
    known: str | None = g.get("views_request_id")
    if known is None:
        given = request.headers.get(REQUEST_ID, "")
        known = g.views_request_id = given if _SAFE.fullmatch(given) else uuid.uuid4().hex[:16]
    return known
