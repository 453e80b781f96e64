"""Views in a web app: the Flask extension, a JSON API, and pages that show what stands.

Needs the extra ``web``. It reads only, and needs no more than the right to read (docs/guides/flask.md). ``problems``
and ``read_limiter`` are for apps of other frameworks too: they load no Flask.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cassandra_views.web.api.problem import problem_of
    from cassandra_views.web.extension import CassandraViews

_HOMES = {
    "CassandraViews": "cassandra_views.web.extension",
    "problem_of": "cassandra_views.web.api.problem",
}

__all__ = ["CassandraViews", "problem_of"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
