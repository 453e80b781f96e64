"""What a page is when it cannot be shown: its views are being built, or the cluster is away. Both end by themselves."""

from __future__ import annotations

import logging

from flask import Response, make_response, render_template

from cassandra_views.model.errors import BadRead, NotCovered, UnreadableData, ViewNotFound, ViewNotReady, ViewsError
from cassandra_views.web.gate import TooMany

log = logging.getLogger(__name__)

RETRY_SECONDS = 5


def state_of(error: ViewsError) -> Response:
    """Return the page that says what is the matter, and that asks again by itself where that helps.

    The header ``Refresh`` needs no script.
    """
    match error:
        case NotCovered():
            name, status = "not-kept", 404
        case ViewNotFound() | ViewNotReady():
            name, status = "building", 503
        case BadRead():
            name, status = "wrong", 400
        case TooMany():
            name, status = "busy", 429
        case UnreadableData():
            name, status = "unreadable", 500
            log.warning("a page could not be read: %s", error)
        case _:
            name, status = "away", 503
            log.warning("a page could not be read: %s", error)
    answer = make_response(
        render_template("state.html", name="", state=name, error=error, seconds=RETRY_SECONDS), status
    )
    if status in (429, 503):
        answer.headers["Retry-After"] = answer.headers["Refresh"] = str(RETRY_SECONDS)
    return answer
