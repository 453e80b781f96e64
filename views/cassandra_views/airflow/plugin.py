"""The plugin: what Airflow's processes load beside the DAGs, the address of its pages and the links to them."""

# ruff: noqa: RUF012 -- lists of the class, as Airflow has them

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from cassandra_views.airflow.timetable import SlideTimetable

PAGE = "/cassandra-views"
"""Where the plugin's pages are, below Airflow's own address."""

ROUTE = "cassandra-views"
"""Where Airflow shows them in its own frame, below ``/plugin``."""


def framed(path: str) -> str:
    """Return the address at which Airflow shows one of the plugin's pages with its own navigation beside it."""
    root = urlsplit(conf.get("api", "base_url", fallback="/")).path.rstrip("/")
    # Below its route Airflow takes the whole path of what the frame is to show.
    return f"{root}/plugin/{ROUTE}{root}{PAGE}{path}"


class ViewLink(BaseOperatorLink):
    """Leads from a task to the page of its view."""

    name = "View"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page's address."""
        view = getattr(operator, "view", None)
        return framed(f"/view/{quote(view)}" if view else "/")


async def views_page(scope: Any, receive: Any, send: Any) -> None:
    """Answer as the page ``Views``. It is imported at its first request: tasks load this module, too."""
    from cassandra_views.airflow.page import get_app

    await get_app()(scope, receive, send)


class ViewsPlugin(AirflowPlugin):
    """The timetable of slides, the links to views and the page that shows them."""

    name = "cassandra_views"
    timetables: list[Any] = [SlideTimetable]
    operator_extra_links: list[Any] = [ViewLink()]
    fastapi_apps: list[Any] = [{"app": views_page, "url_prefix": PAGE, "name": "Views"}]
    # Without a slash in front they stand below Airflow's address, wherever that is.
    external_views: list[Any] = [
        {
            "name": "Views",
            "href": f"{PAGE[1:]}/",
            "url_route": ROUTE,
            "destination": "nav",
            "nav_top_level": True,
        }
    ]
