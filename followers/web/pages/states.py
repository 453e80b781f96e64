"""What a page is when it cannot be shown: why nothing serves its view, or that the cluster is away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from cassandra import InvalidRequest
from flask import Response, make_response, render_template

from cassandra_client.errors import ViewsError
from cassandra_views.model.errors import BadRead, NotCovered, ReadError, UnreadableData, ViewNotFound, ViewNotReady
from cassandra_views.overview.queries import Absence, AbsenceKind
from cassandra_views.web.read_limiter import TooMany
from followers.web import texts

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
SLOW_RETRY_SECONDS = 30
"""How soon a page looks again that waits for a person."""

_SOON = ("building", "serving", "away", "busy")


def state_of(error: ViewsError, find_absence: Callable[[], Absence]) -> Response:
    """Return the page that says what is the matter, and that asks again by itself where that helps.

    The header ``Refresh`` needs no script.

    Args:
        find_absence: asks the registry why nothing serves the view that was read.
    """
    absence, shown = None, error
    match error:
        case NotCovered():
            name, status = "not-kept", 404
        case BadRead():
            name, status = "wrong", 400
        case TooMany():
            name, status = "busy", 429
        case UnreadableData():
            name, status = "unreadable", 500
            log.warning("a page could not be read: %s", error)
        case ViewNotFound() | ViewNotReady():
            name, status = "away", 503
            try:
                absence = find_absence()
                name = _state_name(absence)
            except ViewsError as failure:
                shown = failure
        case ReadError() if isinstance(error.__cause__, InvalidRequest):
            # There is no registry yet; or its tables are gone.
            name, status = "away", 503
            try:
                absence = find_absence()
                name = _state_name(absence)
            except ViewsError as failure:
                shown = failure
        case _:
            name, status = "away", 503
    if name == "away":
        log.warning("a page could not be read: %s", shown)
    seconds = RETRY_SECONDS if name in _SOON else SLOW_RETRY_SECONDS
    answer = make_response(
        render_template(
            "state.html", name="", state=name, error=shown, absence=absence, since=_since(absence), seconds=seconds
        ),
        status,
    )
    if status in (429, 503):
        answer.headers["Retry-After"] = answer.headers["Refresh"] = str(seconds)
    return answer


def _state_name(absence: Absence) -> str:
    return "serving" if absence.kind is AbsenceKind.NONE else absence.kind.value.replace(" ", "-")


def _since(absence: Absence | None) -> str:
    return texts.span(datetime.now(UTC) - absence.at) if absence and absence.at else ""
