"""What went wrong, as ``application/problem+json`` (RFC 9457) with the four parts of this project's errors."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, request
from werkzeug.exceptions import HTTPException

from cassandra_client.errors import ClusterError, ConfigurationError, ViewsError, as_sentence
from cassandra_views.model.errors import BadRead, NotCovered, ReadError, UnreadableData, ViewNotFound, ViewNotReady
from cassandra_views.web.read_limiter import RETRY_SECONDS, Refused, TooMany

_SEE_DOCUMENT = "See the document of this API, openapi.json, for its addresses and methods"

MEDIA_TYPE = "application/problem+json"
BUILDING_RETRY_SECONDS = 10
"""How long a client waits before it asks again for a view that is built for the first time."""

_TITLES = {
    400: "The read is wrong",
    404: "There is no such thing to read",
    429: "Too many reads at once",
    500: "The server failed",
    503: "It cannot be read now",
}


def status_of(error: ViewsError) -> tuple[int, int | None]:
    """Return the HTTP status of an error, and after how many seconds the same request may succeed."""
    match error:
        case BadRead():
            return 400, None
        case ViewNotFound() | NotCovered():
            return 404, None
        case ViewNotReady():
            return 503, BUILDING_RETRY_SECONDS
        case TooMany():
            return 429, RETRY_SECONDS
        case UnreadableData():
            return 500, None
        case Refused() | ReadError() | ClusterError():
            return 503, RETRY_SECONDS
        case ConfigurationError():
            return 500, None
        case _:
            return 503, BUILDING_RETRY_SECONDS


def problem_of(error: ViewsError) -> Response:
    """Return an error as an answer."""
    status, retry = status_of(error)
    parts = {"what": error.what, "on": error.on, "remains": error.remains, "next": error.next}
    title = "It cannot be read as it stands" if isinstance(error, UnreadableData) else ""
    return problem(status, str(error), title=title, retry=retry, **parts)


def problem_of_http(error: HTTPException) -> Response:
    """Return an error of Flask (an unknown address, a wrong method) as an answer."""
    status = error.code or 500
    what = (error.description or error.name).rstrip(". ")
    found = problem(
        status,
        f"{request.path}: {as_sentence(what)}",
        title=error.name,
        what=what,
        on=request.path,
        remains="Nothing was changed",
        next="Read again later; if it stays so, see the server's log" if status >= 500 else _SEE_DOCUMENT,
    )
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            found.headers[name] = value
    return found


def problem(status: int, detail: str, *, title: str = "", retry: int | None = None, **more: Any) -> Response:
    """Return an answer that tells what is wrong; it is kept by no cache."""
    body = {"type": "about:blank", "title": title or _TITLES[status], "status": status, "detail": detail, **more}
    found = Response(orjson.dumps(body), status=status, content_type=MEDIA_TYPE)
    found.headers["Cache-Control"] = "no-store"
    if retry is not None:
        found.headers["Retry-After"] = str(retry)
    return found
