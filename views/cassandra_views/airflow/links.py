"""Where the plugin's pages are, and the link from a task to its view's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

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
