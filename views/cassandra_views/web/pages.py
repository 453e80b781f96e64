"""The pages of ``overview`` in a Flask app: their address, their headers, and what they link to."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, current_app, request, url_for

from cassandra_views.overview.pages import ViewPages, security_headers
from cassandra_views.web.app_state import AppState

_HOME_PATH = "/"


def pages_blueprint(state: AppState) -> Blueprint:
    """Return the pages of an app's views."""
    options = state.options
    blueprint = Blueprint("views_pages", __name__, url_prefix=options.pages_prefix)
    pages = ViewPages(
        overview=state.overview, recorded_health=state.recorded_health, doctor=state.doctor, plan=state.plan
    )
    airflow = options.airflow_url.rstrip("/")

    def dag(name: str) -> str | None:
        return f"{airflow}/dags/{quote(options.airflow_prefix + name, safe='')}" if airflow else None

    @blueprint.after_request
    def with_headers(answer: Response) -> Response:
        answer.headers.update(security_headers())
        return answer

    @blueprint.get("/", endpoint="list")
    @blueprint.get("/<path:path>")
    def show(path: str = "") -> Response:
        found = pages.find_asset(path)
        if found is None:
            links = {
                "root": url_for("views_pages.list").rstrip("/"),
                "dag_of": lambda name: dag(f"view_{name.view}"),
                "manual_actions": dag("views_by_hand"),
                **home_link(),
            }
            found = state.queries.run(pages.respond(path, request.args.get("q", ""), links))
        return Response(found.body, status=found.status, content_type=found.content_type, headers=found.headers)

    return blueprint


def home_link() -> dict[str, Any]:
    """Return where the app's own first page is, as the way back; an empty address where it has none."""
    rules = current_app.url_map.iter_rules()
    has_page = any(each.rule == _HOME_PATH and "GET" in (each.methods or ()) for each in rules)
    return {"home": f"{request.script_root}{_HOME_PATH}" if has_page else "", "home_name": current_app.name}
