"""The addresses of the API, and the page to try it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, default_exceptions
from werkzeug.routing import RequestRedirect

from cassandra_client.errors import ViewsError
from cassandra_views.model.errors import ViewNotFound
from cassandra_views.model.names import NAME_LIMIT, nearest
from cassandra_views.model.schema import ColumnKind
from cassandra_views.model.times import TimeColumn
from cassandra_views.overview.pages import HTML, PageRenderer, security_headers
from cassandra_views.web.api.listing import ViewEntry, listing_query
from cassandra_views.web.api.openapi import document
from cassandra_views.web.api.problem import problem_of, problem_of_http
from cassandra_views.web.api.rows import PageTokens, RowsResponder, read_request
from cassandra_views.web.app_state import AppState
from cassandra_views.web.pages import home_link
from cassandra_views.web.read_limiter import RETRY_SECONDS

_RENDERER = PageRenderer(scripts=("try.js",))

METHODS = ("GET", "HEAD", "OPTIONS")
ALL_METHODS = (*METHODS, "POST", "PUT", "PATCH", "DELETE", "TRACE")
"""Taken by every route, so that the wrong ones come to ``only_read`` and not to the app's own page of errors."""

_NOTHING = "There is nothing here"

_LONGEST_NAME = 48 + 1 + NAME_LIMIT  # keyspace.view, as long as the server takes them


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a form."""

    name: str
    label: str
    example: str
    is_needed: bool


class TryForm:
    """One view as the page to try the API shows it: a form with a field for each column of the key."""

    def __init__(self, entry: ViewEntry, now: datetime) -> None:
        self.name = entry.name
        self.status = entry.status
        self.record = entry.record
        self.definition = entry.definition
        self.fields = _fields(entry, now)


def _fields(entry: ViewEntry, now: datetime) -> tuple[FormField, ...]:
    found = []
    for column in entry.columns:
        if column.kind is ColumnKind.PARTITION_KEY:
            example = _example(entry.time, now) if entry.time and entry.time.name == column.name else ""
            found.append(
                FormField(name=f"{column.name}.eq", label=column.name, example=example or column.type, is_needed=True)
            )
    # A range of the first clustering column: those behind it can be asked for when it is given by one value.
    for column in [each for each in entry.columns if each.kind is ColumnKind.CLUSTERING][:1]:
        found += [
            FormField(name=f"{column.name}.{op}", label=f"{column.name} {sign}", example=column.type, is_needed=False)
            for op, sign in (("gte", "from"), ("lte", "to"))
        ]
    return tuple(found)


def _example(time: TimeColumn, now: datetime) -> str:
    return str(time.value(now)) if time.format else ""


def api_blueprint(state: AppState, key: str | bytes) -> Blueprint:
    """Return the API of an app's views.

    Args:
        key: what page tokens are signed with.

    Raises:
        ConfigurationError: the key is empty.
    """
    tokens = PageTokens(key)
    options = state.options
    api = Blueprint("views_api", __name__, url_prefix=options.api_prefix)
    api.register_error_handler(ViewsError, problem_of)
    for code in default_exceptions:  # by their codes: an app's own handler of one would come before that of the root
        api.register_error_handler(code, problem_of_http)
    responders: dict[str, RowsResponder] = {}
    listing = listing_query(state.find_project, state.clock)

    @api.before_request
    def only_read() -> None:
        if request.method not in METHODS:
            raise MethodNotAllowed(METHODS)

    @api.before_app_request
    def unknown_address() -> Response | None:
        """Answer what no route takes: another method than ours, a doubled slash. The blueprint hears of none of it."""
        error, path = request.routing_exception, f"{request.path}/"
        if not isinstance(error, HTTPException) or not path.startswith(f"{options.api_prefix}/"):
            return None
        if isinstance(error, RequestRedirect) and request.path == options.api_prefix:
            return None  # to the page, with its slash
        return problem_of_http(NotFound(_NOTHING) if isinstance(error, RequestRedirect) else error)

    @api.route("/<path:name>", methods=ALL_METHODS)
    def show_asset(name: str) -> Response:
        found = _RENDERER.find_asset(name)
        if found is None:
            raise NotFound(_NOTHING)
        body, kind = found
        return Response(body, content_type=kind, headers={"Cache-Control": "max-age=86400"})

    def entries() -> tuple[ViewEntry, ...]:
        return state.queries.ask(listing)

    @api.route("/", methods=ALL_METHODS)
    def show_forms() -> Response:
        pages = f"{request.script_root}{options.pages_prefix}/"
        tabs = [(pages, "Views", False)] if options.pages_prefix else []
        links = {"root": f"{request.script_root}{options.api_prefix}", "nav": tabs, **home_link()}
        try:
            forms = [TryForm(entry, state.clock()) for entry in entries()]
            status, retry = 200, {}
            values = {"entries": forms, "registry": state.registry, "largest_limit": options.largest_limit}
            page = _RENDERER.render("try.html", **links, **values)
        except ViewsError as error:
            status, retry = 503, {"Retry-After": str(RETRY_SECONDS)}
            page = _RENDERER.render("error.html", **links, error=error, is_away=True)
        headers = {**security_headers(), "Cache-Control": "no-store", **retry}
        return Response(page, status=status, content_type=HTML, headers=headers)

    @api.route("/views", methods=ALL_METHODS)
    def views() -> Response:
        return _json({"views": [each.to_json(options.api_prefix) for each in entries()]})

    @api.route("/views/<view>", methods=ALL_METHODS)
    def one(view: str) -> Response:
        check_name(view)
        return _json(_find(entries(), view).to_json(options.api_prefix))

    @api.route("/openapi.json", methods=ALL_METHODS)
    def openapi() -> Response:
        limits = {"default_limit": options.default_limit, "largest_limit": options.largest_limit}
        return _json(document(entries(), prefix=options.api_prefix, **limits))

    @api.route("/views/<view>/rows", methods=ALL_METHODS)
    def rows(view: str) -> Response:
        check_name(view)
        with state.read_limiter.reading(request.remote_addr or "", on=view):
            reader = state.plain_reader
            while True:
                described = reader.describe(view)
                asked = read_request(
                    request.args, described, default_limit=options.default_limit, largest_limit=options.largest_limit
                )
                page = None if asked.page is None else tokens.check(asked.page, on=str(described.name))
                result = reader.select(view, asked.where, limit=asked.limit, page=page, reverse=asked.reverse)
                # Readers may have been switched between the two, to a generation with other columns.
                if set(result.generations) <= set(described.generations):
                    break
        responder = responders.get(view)
        if responder is None or responder.view != described:
            responder = responders[view] = RowsResponder(described, cache_seconds=state.cache_seconds)
        answer = responder.answer(result, asked, tokens.sign, state.clock())
        answer.make_conditional(request)
        return answer

    return api


def _json(value: Any) -> Response:
    found = Response(orjson.dumps(value), content_type="application/json")
    found.set_etag(hashlib.blake2b(found.data, digest_size=12).hexdigest())
    found.headers["Cache-Control"] = "no-cache"
    found.make_conditional(request)
    return found


def _find(entries: tuple[ViewEntry, ...], view: str) -> ViewEntry:
    """Return the view of a name, which may leave the keyspace out where one view alone has it.

    Raises:
        ViewNotFound: there is none, or several keyspaces have one.
    """
    found = [each for each in entries if view in (str(each.name), each.name.view)]
    if len(found) == 1:
        return found[0]
    if found:
        known = ", ".join(str(each.name) for each in found)
        raise ViewNotFound(f"'{view}' names several views: {known}", on=view, next="Write KEYSPACE.NAME")
    hint = nearest(view, [each.name.view for each in entries])
    raise ViewNotFound(
        f"there is no view '{view}'{hint}", on=view, next="See the list of views for those that there are"
    )


def check_name(view: str) -> None:
    """Refuse what is no view's name before anybody asks the registry for it.

    Raises:
        ViewNotFound: it is too long.
    """
    if len(view) > _LONGEST_NAME:
        raise ViewNotFound(
            f"no view has a name of {len(view)} letters",
            on=f"{view[:_LONGEST_NAME]}...",
            next="See the list of views for those that there are",
        )
