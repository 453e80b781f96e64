"""The manager that makes Apache Cassandra materialized views safe to use.

from cassandra_views import ViewManager, ViewReader

manager = ViewManager(session, templates="cql_templates")
manager.apply(manager.plan())
ViewReader(session).select("top_streamers_by_day", timestamp="2026-11-23", limit=10)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cassandra_client.errors import ViewsError
    from cassandra_views.cql.check import check
    from cassandra_views.cql.findings import Finding
    from cassandra_views.manager import ViewManager
    from cassandra_views.read import Result, ViewReader
    from cassandra_views.read.async_reader import AsyncViewReader

# An application that only reads must not pay for the parser and the planner.
_HOMES = {
    "AsyncViewReader": "cassandra_views.read.async_reader",
    "Finding": "cassandra_views.cql.findings",
    "ViewManager": "cassandra_views.manager",
    "ViewReader": "cassandra_views.read",
    "Result": "cassandra_views.read",
    "ViewsError": "cassandra_client.errors",
    "check": "cassandra_views.cql.check",
}

__all__ = ["AsyncViewReader", "Finding", "Result", "ViewManager", "ViewReader", "ViewsError", "check"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
