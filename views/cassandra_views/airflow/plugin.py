"""The plugin: what Airflow's processes load beside the DAGs."""

# ruff: noqa: RUF012 -- lists of the class, as Airflow has them

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from cassandra_views.airflow.links import PAGE, ROUTE, ViewLink
from cassandra_views.airflow.timetable import SlideTimetable


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
