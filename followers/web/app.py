"""The Flask app: pages over views, and what a page is when it cannot be shown.

Needs the extra ``web``; the role that it reads with needs no more than to read. Each page is one function of its reads
and its address, and one template.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cassandra import InvalidRequest
from flask import Blueprint, Flask, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from cassandra_client.errors import ViewsError
from cassandra_views.model.errors import BadRead, NotCovered, ReadError, UnreadableData, ViewNotFound, ViewNotReady
from cassandra_views.overview.absence import Absence, AbsenceKind
from cassandra_views.web import CassandraViews
from cassandra_views.web.gate import TooMany
from followers.feed import utc_now
from followers.levels import Level, duration_text
from followers.web import texts
from followers.web.arguments import NoSuchPage, PageArguments
from followers.web.category_page import read_categories
from followers.web.ranking_pages import read_ranking, read_trends, without_newest_day
from followers.web.rankings import NAMES, PLATFORMS
from followers.web.reads import PageReads, ReadCache
from followers.web.streamer_pages import find_streamer, read_comparison, read_streamer

FOLDER = Path(__file__).parent

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_ASSET_SECONDS = 365 * 86400
_SAFE = "!$'()*,/:;?@"
"""What an address's values may hold as it is, as Werkzeug writes them."""

log = logging.getLogger(__name__)
RETRY_SECONDS = 5
SLOW_RETRY_SECONDS = 30
"""How soon a page looks again that waits for a person."""

_SOON = ("building", "serving", "away", "busy")


def create_app(config: Mapping[str, Any] | None = None, *, clock: Callable[[], datetime] = utc_now) -> Flask:
    """Make the app; it connects at the first page that somebody asks for.

    Args:
        config: settings of Flask and of ``CassandraViews``; these also come from the environment (``VIEWS_*``).
        clock: tells the aware time that pages are of.

    Raises:
        ConfigurationError: a setting is unknown or wrong.
    """
    # Its own files are served by the pages' blueprint, with their headers.
    app = Flask("followers", static_folder=None, template_folder=str(FOLDER / "templates"))
    # It signs the API's page tokens alone; where there are several processes it has to be given.
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or secrets.token_hex()
    app.config.update(config or {})
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    views = CassandraViews(app)
    store = ReadCache()
    app.register_blueprint(make_pages(lambda: PageReads(views, store, clock)))
    app.jinja_env.globals.update(
        asset=_asset, duration_text=duration_text, texts=texts, platforms=PLATFORMS, names=NAMES
    )
    operations = views.of_app.options.pages_prefix
    app.jinja_env.globals["operations"] = operations if _is_served(app, operations) else ""
    return app


def _is_served(app: Flask, prefix: str) -> bool:
    return bool(prefix) and any(rule.rule.rstrip("/") == prefix for rule in app.url_map.iter_rules())


def _asset(name: str) -> str:
    """Return the address of a file under static, which changes with what is in it."""
    return url_for("pages.static", filename=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return hashlib.blake2b((FOLDER / "static" / name).read_bytes(), digest_size=6).hexdigest()


def make_pages(make_reads: Callable[[], PageReads]) -> Blueprint:
    """Return the blueprint.

    Args:
        make_reads: gives the reads of one page.
    """
    pages = Blueprint("pages", __name__, static_folder="static", static_url_path="/static")

    def show(name: str, page: Callable[..., dict[str, Any]], *arguments: Any) -> AnyResponse:
        given = PageArguments(request.args)
        if (values := given.without_empty()) is not None:
            return redirect(_address(values))
        g.reads = make_reads()
        found = page(g.reads, given, *arguments)
        # A live page's moving part alone, for static/live.js.
        template = "live.html" if request.args.get("part") == "live" else f"{name}.html"
        return make_response(render_template(template, name=name, reads=g.reads, **found))

    @pages.app_context_processor
    def helpers() -> dict[str, Any]:
        return {"here": _here, "level_links": _level_links}

    @pages.get("/")
    def ranking_page() -> AnyResponse:
        if request.args.get("day"):
            g.reads = make_reads()
            given = PageArguments(request.args).without_empty() or dict(request.args.lists())
            return redirect(_address(without_newest_day(g.reads, given)))
        return show("ranking", read_ranking)

    @pages.get("/streamer")
    def search_page() -> AnyResponse:
        g.reads = make_reads()
        found = find_streamer(g.reads, PageArguments(request.args))
        if isinstance(found, str):
            return redirect(url_for("pages.streamer_page", name=found))
        return make_response(render_template("search.html", name="search", reads=g.reads, **found))

    @pages.get("/streamer/<path:name>")
    def streamer_page(name: str) -> AnyResponse:
        return show("streamer", read_streamer, name)

    @pages.get("/compare")
    def compare_page() -> AnyResponse:
        return show("compare", read_comparison)

    @pages.get("/categories")
    def categories_page() -> AnyResponse:
        return show("categories", read_categories)

    @pages.get("/trends")
    def trends_page() -> AnyResponse:
        return show("trends", read_trends)

    @pages.errorhandler(ViewsError)
    def failed(error: ViewsError) -> AnyResponse:
        return state_of(error, lambda: g.reads.find_absence(error))

    @pages.errorhandler(NoSuchPage)
    def nowhere(error: NoSuchPage) -> AnyResponse:
        return make_response(render_template("nowhere.html", name="", error=error), 404)

    @pages.app_errorhandler(404)
    def unknown(error: HTTPException) -> AnyResponse:
        found = NoSuchPage("There is no page at this address.", "See whether it was copied as a whole.")
        return _guarded(make_response(render_template("nowhere.html", name="", error=found), 404))

    @pages.after_request
    def guarded(response: Response) -> AnyResponse:
        return _guarded(response)

    return pages


def _here(**changes: Any) -> str:
    """Return this page's address with some of its values changed; None takes one away."""
    values = {name: found for name, found in request.args.lists() if name != "part"} | changes
    return _address({name: value for name, value in values.items() if value is not None})


def _address(values: Mapping[str, Any]) -> str:
    """Return this page's address with these values; their names are a visitor's, and none of ``url_for``'s own."""
    page = url_for(str(request.endpoint), **(request.view_args or {}))
    return f"{page}?{urlencode(values, doseq=True, safe=_SAFE)}" if values else page


def _level_links(
    levels: Sequence[Level], labels: Mapping[Level, str], current: Level, usual: str
) -> list[tuple[str, str, bool]]:
    """Return the ways from one level to another."""
    return [(labels[each], _here(level=None if each.word == usual else each.word), each is current) for each in levels]


def _guarded(response: Response) -> AnyResponse:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint == "pages.static":
        if "v" in request.args:
            response.headers["Cache-Control"] = f"public, max-age={_ASSET_SECONDS}, immutable"
        return response
    # Pages are kept by nobody without asking, and asking is cheap where nothing has changed.
    response.headers["Cache-Control"] = "no-cache" if response.status_code == 200 else "no-store"
    if response.status_code == 200:
        response.add_etag()
        response.make_conditional(request)
    return response


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
        case _:
            name, status = "away", 503
            # The server refuses the read where there is no registry yet, or its tables are gone.
            is_refused = isinstance(error, ReadError) and isinstance(error.__cause__, InvalidRequest)
            if is_refused or isinstance(error, ViewNotFound | ViewNotReady):
                try:
                    absence = find_absence()
                    name = _state_name(absence)
                except ViewsError as failure:
                    shown = failure
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
    return duration_text(datetime.now(UTC) - absence.at) if absence and absence.at else ""
