"""What went wrong, as an answer of Flask."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import HTTPException

from cassandra_client.errors import ViewsError, as_sentence
from cassandra_views.web.problems import Problem, describe_error, make_problem

_SEE_DOCUMENT = "See the document of this API, openapi.json, for its addresses and methods"


def problem_of(error: ViewsError) -> Response:
    """Return an error as an answer."""
    return _response(describe_error(error))


def problem_of_http(error: HTTPException) -> Response:
    """Return an error of Flask (an unknown address, a wrong method) as an answer."""
    status = error.code or 500
    what = (error.description or error.name).rstrip(". ")
    found = _response(
        make_problem(
            status,
            f"{request.path}: {as_sentence(what)}",
            title=error.name,
            what=what,
            on=request.path,
            remains="Nothing was changed",
            next="Read again later; if it stays so, see the server's log" if status >= 500 else _SEE_DOCUMENT,
        )
    )
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            found.headers[name] = value
    return found


def _response(problem: Problem) -> Response:
    return Response(problem.body, status=problem.status, headers=problem.headers)
