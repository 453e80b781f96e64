"""The addresses of the pages, their headers, and what they say when they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Blueprint, Response, current_app, request, url_for

from cassandra_client.errors import ViewsError
from cassandra_views.model.errors import ViewNotFound
from cassandra_views.model.names import ViewName
from cassandra_views.overview.health import ask_health
from cassandra_views.overview.pages import HEADERS, Pages, policy
from cassandra_views.overview.row import rows_of
from cassandra_views.overview.timeline import windows_chart
from cassandra_views.overview.view import ViewPage
from cassandra_views.plan.explain import cost_text, explain_all, summary

if TYPE_CHECKING:
    from cassandra_views.web.options import WebOptions
    from cassandra_views.web.watch import Watch

RETRY_SECONDS = 10
"""How long a browser waits before it looks again at what could not be shown."""

_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": policy(frame_ancestors="'none'"),
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGES = Pages("cassandra_views.web.pages", has_templates=True)
_NAV = (("", "Views"), ("timeline", "Time line"), ("plan", "Plan"), ("cluster", "Cluster"))
_HOME_PATH = "/"
_SIGNS = {"+": "makes", ">": "moves", "-": "takes"}


def pages_blueprint(watch: Watch, options: WebOptions) -> Blueprint:
    """Return the pages of an app's views."""
    pages = Blueprint("views_pages", __name__, url_prefix=options.pages_prefix)
    airflow = options.airflow_url.rstrip("/")

    def dag(name: str) -> str | None:
        return f"{airflow}/dags/{quote(options.airflow_prefix + name, safe='')}" if airflow else None

    def dag_of(name: ViewName) -> str | None:
        return dag(f"view_{name.view}")

    def page(template: str, *, status: int = 200, **values: Any) -> Response:
        root = url_for("views_pages.show_list").rstrip("/")
        links = {"root": root, "nav": _NAV, "dag_of": dag_of, "by_hand": dag("views_by_hand"), **_home()}
        found = Response(_PAGES.render(template, **links, **values), status=status, content_type="text/html")
        if status == 503:
            found.headers["Retry-After"] = str(RETRY_SECONDS)
        return found

    def told(error: ViewsError) -> Response:
        status = 404 if isinstance(error, ViewNotFound) else 503
        return page("error.html", status=status, error=error, is_away=status == 503)

    pages.register_error_handler(ViewsError, told)

    @pages.after_request
    def with_headers(answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    @pages.get("/")
    def show_list() -> Response:
        words = request.args.get("q", "")
        overview = watch.overview()
        rows, shown = rows_of(overview), rows_of(overview, words)
        return page("list.html", here="", overview=overview, now=overview.at, rows=rows, shown=shown, q=words)

    @pages.get("/view/<name>")
    def show_view(name: str) -> Response:
        found = ViewPage.of(watch.overview(), name)
        events, *others = watch.ask_all((found.events, *found.builds, *found.base))
        if isinstance(events, ViewsError):
            raise events
        count = len(found.builds)
        return page("view.html", **found.values(events, others[:count], others[count:]))

    @pages.get("/view/<name>/build")
    def show_build(name: str) -> Response:
        found = ViewPage.of(watch.overview(), name)
        if not found.building:
            return Response(status=204)
        return page("build.html", **found.build_values(watch.ask_all(found.builds)))

    @pages.get("/timeline")
    def show_timeline() -> Response:
        overview = watch.overview()
        rows = sorted((row for row in rows_of(overview) if row.record.generations), key=lambda row: row.status.name)
        chart = windows_chart(rows, overview.at) if rows else None
        return page("timeline.html", here="timeline", overview=overview, now=overview.at, rows=rows, chart=chart)

    @pages.get("/plan")
    def show_plan() -> Response:
        plan = watch.plan()
        costs = {(cost.view, cost.number): cost_text(cost) for cost in plan.costs}
        lines = [
            (line, _SIGNS[line.sign], costs.get(line.made) if line.made else None) for line in explain_all(plan.steps)
        ]
        return page("plan.html", here="plan", plan=plan, lines=lines, summary=summary(plan))

    @pages.get("/cluster")
    def show_cluster() -> Response:
        health, kept = watch.ask_all((("health", ask_health), watch.kept), patience_seconds=8.0)
        if isinstance(health, ViewsError):
            raise health
        error = kept if isinstance(kept, ViewsError) else None
        return page("cluster.html", here="cluster", health=health, now=health.at, kept=kept, kept_error=error)

    @pages.get("/<path:name>")
    def show_asset(name: str) -> Response:
        if name not in _PAGES.assets:
            return told(ViewNotFound("there is no such page", on=name, next="The list of views leads to all of them"))
        found = Response(_PAGES.asset(name), content_type=_PAGES.assets[name])
        found.headers["Cache-Control"] = "public, max-age=86400"
        return found

    return pages


def _home() -> dict[str, str]:
    """Return where the app's own first page is, as the way back; an empty address where it has none."""
    rules = current_app.url_map.iter_rules()
    has_page = any(each.rule == _HOME_PATH and "GET" in (each.methods or ()) for each in rules)
    return {"home": f"{request.script_root}{_HOME_PATH}" if has_page else "", "home_name": current_app.name}
