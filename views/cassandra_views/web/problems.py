"""What went wrong, as ``application/problem+json`` (RFC 9457) with the four parts of this project's errors.

Needs no web framework: an app of any makes its answer of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cassandra_client.errors import ClusterError, ConfigurationError, ViewsError
from cassandra_views.model.errors import BadRead, NotCovered, ReadError, UnreadableData, ViewNotFound, ViewNotReady
from cassandra_views.web.read_limiter import RETRY_SECONDS, Refused, TooMany

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An answer that tells what is wrong; it is kept by no cache.

    Args:
        headers: with the ``Content-Type``, and ``Retry-After`` where the same request may succeed later.
    """

    status: int
    headers: dict[str, str]
    body: bytes


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


def describe_error(error: ViewsError) -> Problem:
    """Return an error as an answer."""
    status, retry = status_of(error)
    parts = {"what": error.what, "on": error.on, "remains": error.remains, "next": error.next}
    title = "It cannot be read as it stands" if isinstance(error, UnreadableData) else ""
    return make_problem(status, str(error), title=title, retry=retry, **parts)


def make_problem(status: int, detail: str, *, title: str = "", retry: int | None = None, **more: Any) -> Problem:
    """Return an answer.

    Args:
        retry: after how many seconds the same request may succeed.
        more: further fields of its body.
    """
    body = {"type": "about:blank", "title": title or _TITLES[status], "status": status, "detail": detail, **more}
    headers = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"}
    if retry is not None:
        headers["Retry-After"] = str(retry)
    return Problem(
        status=status, headers=headers, body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    )
