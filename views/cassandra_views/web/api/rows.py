"""Rows of a view as an answer: JSON, what tells it from another, and how long it may be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
from flask import Response

from cassandra_views.model.times import TimeColumn, TimeKind, format_grain, instant_text
from cassandra_views.read import Result, ViewDescription
from cassandra_views.read.json_values import find_moment, row_converters, rows_to_json, time_to_iso
from cassandra_views.web.api.request import RowsRequest

_CLOSED_SECONDS = 60
"""How long rows of a generation whose window has ended are kept: only late readings still change them."""


_GRAINS = {TimeKind.DATE: timedelta(days=1)}
"""How long a value lasts by its type alone, where it is more than an instant."""


class RowsMaker:
    """Makes answers of the rows of one view: what depends on its columns alone is worked out once.

    Args:
        cache_seconds: how long readers of this app keep what serves; no longer may a cache keep rows.
    """

    def __init__(self, view: ViewDescription, *, cache_seconds: float) -> None:
        self.view = view
        self._cache_seconds = int(cache_seconds)
        time = view.time
        self._own = row_converters(view.columns)
        self._iso = row_converters(view.columns, {time.name: time_to_iso(time)} if time else {})

    def answer(self, result: Result, asked: RowsRequest, sign: Callable[[str], str], now: datetime) -> Response:
        """Return the answer for a result."""
        converters = self._iso if asked.has_iso_times else self._own
        page = result.next_page
        start, end = result.window
        body = orjson.dumps(
            {
                "view": str(self.view.name),
                "generations": result.generations,
                "window": {"start": start and instant_text(start), "end": end and instant_text(end)},
                "rows": rows_to_json(self.view.columns, result.rows, converters),
                "next_page": None if page is None else sign(page),
            }
        )
        found = Response(body, content_type="application/json")
        found.set_etag(hashlib.blake2b(body, digest_size=12).hexdigest())
        found.headers["Cache-Control"] = self._keep(result, asked, now)
        return found

    def _keep(self, result: Result, asked: RowsRequest, now: datetime) -> str:
        if result.window[1] is not None and result.window[1] <= now:
            return f"max-age={_CLOSED_SECONDS}"
        if self._cache_seconds and _is_over(self.view.time, asked.where, now):
            return f"max-age={self._cache_seconds}"
        return "no-cache"  # it may be kept, and is asked for by its ETag


def _is_over(time: TimeColumn | None, where: dict[str, Any], now: datetime) -> bool:
    """Tell whether every time that is asked for lies in the past, so that only late readings change its rows."""
    if time is None:
        return False
    grain = time.grain or (format_grain(time.format) if time.kind is TimeKind.TEXT else _GRAINS.get(time.kind))
    name = time.name.replace('"', '""')
    given = where.get(f'"{name}" =')
    values = where.get(f'"{name}" IN') if given is None else [given]
    if not values:
        return False
    moments = [find_moment(time, value) for value in values]
    return all(moment is not None and moment + (grain or timedelta()) <= now for moment in moments)
