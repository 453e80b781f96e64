"""Log lines as JSON, each with the request that it belongs to: one line a thing that happened, for programs to read."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from cassandra_views.model.times import instant_text

FORMAT_VARIABLE = "VIEWS_LOG_FORMAT"

_OF_REQUESTS = ("request_id", "method", "path")
_OF_READS = ("view", "generations", "rows", "seconds", "is_retried", "error")
_OF_ERRORS = ("what", "on", "remains", "next")
_EXTRA_FIELDS = (*_OF_REQUESTS, *_OF_READS, *_OF_ERRORS)
"""What lines of ours carry beside their text; what others add is left to them."""

_request_fields: set[Callable[[], Mapping[str, Any]]] = set()


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
        for find_fields in tuple(_request_fields):
            found |= find_fields()
        found |= {key: record.__dict__[key] for key in _EXTRA_FIELDS if key in record.__dict__}
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


def log_command_as_json() -> logging.Logger:
    """Let warnings go to standard error as JSON, and return the logger for all that a command notes there."""
    log_as_json(level=logging.WARNING)
    found = logging.getLogger("cassandra_views.cli")
    found.setLevel(logging.INFO)
    return found


def configure_logging_from_environment(*, level: int = logging.INFO) -> None:
    """Let log lines be JSON where the variable ``VIEWS_LOG_FORMAT`` is ``json``, as ``log_as_json`` does."""
    if os.environ.get(FORMAT_VARIABLE) == "json":
        log_as_json(level=level)


def describe_requests(find_fields: Callable[[], Mapping[str, Any]]) -> None:
    """Let each line of JSON carry what is known of the request that it belongs to.

    Args:
        find_fields: returns it, such as its ``request_id``, and nothing outside of a request.
    """
    _request_fields.add(find_fields)
