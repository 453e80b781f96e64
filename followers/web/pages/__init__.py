"""The pages' blueprint: each page is one function of its reads and its address, and one template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from cassandra_client.errors import ViewsError
from followers.web import wanted
from followers.web.levels import Level
from followers.web.pages.categories import categories
from followers.web.pages.compare import compare
from followers.web.pages.ranking import ranking, without_newest_day
from followers.web.pages.states import state_of
from followers.web.pages.streamer import find_streamer, streamer
from followers.web.pages.trends import trends
from followers.web.reads import Reads
from followers.web.wanted import NoSuchPage

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


def make_pages(make_reads: Callable[[], Reads]) -> Blueprint:
    """Return the blueprint.

    Args:
        make_reads: gives the reads of one page.
    """
    pages = Blueprint("pages", __name__, static_folder="../static", static_url_path="/static")

    def show(name: str, page: Callable[..., dict[str, Any]], *arguments: Any) -> AnyResponse:
        values: dict[str, Any] | None = wanted.without_empty(request.args)
        if values is not None:
            return redirect(_address(values))
        g.reads = make_reads()
        found = page(g.reads, request.args, *arguments)
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
            given = wanted.without_empty(request.args) or dict(request.args.lists())
            return redirect(_address(without_newest_day(g.reads, given)))
        return show("ranking", ranking)

    @pages.get("/streamer")
    def search_page() -> AnyResponse:
        g.reads = make_reads()
        found = find_streamer(g.reads, request.args)
        if isinstance(found, str):
            return redirect(url_for("pages.streamer_page", name=found))
        return make_response(render_template("search.html", name="search", reads=g.reads, **found))

    @pages.get("/streamer/<path:name>")
    def streamer_page(name: str) -> AnyResponse:
        return show("streamer", streamer, name)

    @pages.get("/compare")
    def compare_page() -> AnyResponse:
        return show("compare", compare)

    @pages.get("/categories")
    def categories_page() -> AnyResponse:
        return show("categories", categories)

    @pages.get("/trends")
    def trends_page() -> AnyResponse:
        return show("trends", trends)

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
