"""The addresses of the API."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, default_exceptions
from werkzeug.routing import RequestRedirect

from cassandra_client.errors import ViewsError
from cassandra_views.model.errors import ViewNotFound
from cassandra_views.model.names import nearest
from cassandra_views.overview.pages import HEADERS, Pages, policy
from cassandra_views.web.api.forms import TryForm
from cassandra_views.web.api.listing import ViewEntry, listing_question
from cassandra_views.web.api.openapi import document
from cassandra_views.web.api.problem import problem_of, problem_of_http
from cassandra_views.web.api.request import read_request
from cassandra_views.web.api.rows import RowsMaker
from cassandra_views.web.api.tokens import Tokens
from cassandra_views.web.gate import RETRY_SECONDS

if TYPE_CHECKING:
    from cassandra_views.web.of_app import ViewsOfApp
    from cassandra_views.web.watch import Watch

_PAGES = Pages("cassandra_views.web.api", has_templates=True, scripts=("try.js",))

METHODS = ("GET", "HEAD", "OPTIONS")
ALL_METHODS = (*METHODS, "POST", "PUT", "PATCH", "DELETE", "TRACE")
"""Taken by every route, so that the wrong ones come to ``only_read`` and not to the app's own page of errors."""

_NOTHING = "There is nothing here"

_LONGEST_NAME = 48 + 1 + 48  # keyspace.view, as long as the server takes them


def api_blueprint(of_app: ViewsOfApp, watch: Watch, key: str | bytes) -> Blueprint:
    """Return the API of an app's views.

    Args:
        key: what page tokens are signed with.

    Raises:
        ConfigurationError: the key is empty.
    """
    tokens = Tokens(key)
    options = of_app.options
    api = Blueprint("views_api", __name__, url_prefix=options.api_prefix)
    api.register_error_handler(ViewsError, problem_of)
    for code in default_exceptions:  # by their codes: an app's own handler of one would come before that of the root
        api.register_error_handler(code, problem_of_http)
    makers: dict[str, RowsMaker] = {}
    listing = listing_question(watch.find_project)

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

    @api.route("/<path:rest>", methods=ALL_METHODS)
    def nothing(rest: str) -> Response:
        raise NotFound(_NOTHING)

    def entries() -> tuple[ViewEntry, ...]:
        found: tuple[ViewEntry, ...] = watch.ask("listing", listing)
        return found

    @api.route("/", methods=ALL_METHODS)
    def show_forms() -> Response:
        try:
            found = entries()
        except ViewsError as error:
            told = _PAGES.render("error.html", root=options.api_prefix, error=error, is_away=True)
            answer = Response(told, status=503, content_type="text/html; charset=utf-8")
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        else:
            forms = [TryForm(entry) for entry in found]
            values = {"entries": forms, "registry": of_app.registry, "largest_limit": options.largest_limit}
            answer = Response(
                _PAGES.render("try.html", root=options.api_prefix, **values), content_type="text/html; charset=utf-8"
            )
        answer.headers.update({**HEADERS, "Content-Security-Policy": policy(frame_ancestors="'none'")})
        answer.headers["Cache-Control"] = "no-store"
        return answer

    for name, kind in _PAGES.assets.items():
        api.add_url_rule(f"/{name}", name.replace(".", "_"), partial(_asset, name, kind), methods=ALL_METHODS)

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
        with of_app.gate.entered(request.remote_addr or "", on=view):
            reader = of_app.plain_reader
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
        maker = makers.get(view)
        if maker is None or maker.view != described:
            maker = makers[view] = RowsMaker(described, cache_seconds=of_app.cache_seconds)
        answer = maker.answer(result, asked, tokens.sign, datetime.now(UTC))
        answer.make_conditional(request)
        return answer

    return api


def _asset(name: str, kind: str) -> Response:
    return Response(_PAGES.asset(name), content_type=kind, headers={"Cache-Control": "max-age=86400"})


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
