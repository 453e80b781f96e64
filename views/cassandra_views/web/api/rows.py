"""Reads of rows over HTTP: the parameters of an address, the answer and its caching, and signed page tokens."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from flask import Response
from itsdangerous import BadSignature, Signer
from werkzeug.datastructures import MultiDict

from cassandra_client.errors import ConfigurationError
from cassandra_views.model.errors import BadRead
from cassandra_views.model.names import nearest
from cassandra_views.model.times import TimeColumn, TimeKind, format_grain, instant_text
from cassandra_views.read import Result, ViewColumn, ViewDescription
from cassandra_views.read.json_values import find_moment, from_text, row_converters, rows_to_json, time_to_iso

OPERATORS = {"eq": "=", "in": "IN", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
"""What may follow the name of a column and a dot; without one, ``eq``."""

OWN = ("limit", "page", "order", "times")
"""The parameters that are no columns; a column of such a name is asked for with ``.eq``."""

ORDERS = ("view", "reverse")
TIMES = ("own", "iso")

MOST_PARTITIONS = 100
"""Partitions of one read: each is a statement of its own."""

MOST_KEYS = 1000
"""What the values of ``.in`` of clustering columns may come to together in one partition: the server looks for each."""

_LONGEST = 4096

_CLOSED_SECONDS = 60
"""How long rows of a generation whose window has ended are kept: only late readings still change them."""


_GRAINS = {TimeKind.DATE: timedelta(days=1)}
"""How long a value lasts by its type alone, where it is more than an instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRequest:
    """A read of rows.

    Args:
        where: conditions as ``ViewReader.select`` takes them.
        page: the signed token, or None for the first page.
        has_iso_times: the view's time column is written as ISO 8601 instead of the table's own form.
    """

    where: dict[str, Any]
    limit: int
    page: str | None
    reverse: bool
    has_iso_times: bool


def read_request(
    given: MultiDict[str, str], view: ViewDescription, *, default_limit: int, largest_limit: int
) -> RowsRequest:
    """Check the parameters of an address.

    Raises:
        BadRead: an unknown parameter or column, a wrong value, or no partition key. What the key cannot answer
            is found when it is read.
    """
    on = str(view.name)
    own: dict[str, str] = {}
    where: dict[str, Any] = {}
    for text, values in given.lists():
        if text in OWN:
            own[text] = _single(text, values, on)
            continue
        column, op = _column(text, view, on)
        found = [_value(column, value, view, on) for value in values]
        if op == "IN":
            where[_key(column, op)] = found
        else:
            _single(text, values, on)
            where[_key(column, op)] = found[0]
    _check_extent(where, view, on)
    return RowsRequest(
        # In one order, whatever theirs: the reader keeps what it has worked out for each order that it meets.
        where=dict(sorted(where.items())),
        limit=_limit(own.get("limit"), default_limit, largest_limit, on),
        page=own.get("page"),
        reverse=_choice("order", own, ORDERS, on) == "reverse",
        has_iso_times=_choice("times", own, TIMES, on) == "iso",
    )


def _column(text: str, view: ViewDescription, on: str) -> tuple[ViewColumn, str]:
    name, _dot, suffix = text.rpartition(".")
    if name and suffix in OPERATORS:
        op = OPERATORS[suffix]
    else:
        name, op = text, "="
    key = [column for column in view.columns if column.part]
    for column in key:
        if column.name == name:
            return column, op
    names = [column.name for column in key]
    if any(column.name == name for column in view.columns):
        what = f"'{_short(name)}' is not part of the view's key, and only the key can be asked for"
    else:
        what = f"there is no parameter '{_short(text)}'{nearest(name, [*names, *OWN])}"
    raise BadRead(
        what,
        on=on,
        next=f"Ask by {', '.join(names)}, each alone or followed by one of .{' .'.join(OPERATORS)}; "
        f"or give {', '.join(OWN)}",
    )


def _key(column: ViewColumn, op: str) -> str:
    quoted = column.name.replace('"', '""')
    return f'"{quoted}" {op}'


def _value(column: ViewColumn, text: str, view: ViewDescription, on: str) -> Any:
    if len(text) > _LONGEST:
        raise BadRead(f"the value of '{column.name}' has {len(text)} letters", on=on, next=f"Give at most {_LONGEST}")
    time = view.time if view.time is not None and view.time.name == column.name else None
    try:
        return from_text(column.driver_type, text, time)
    except ValueError as error:
        raise BadRead(
            f"'{column.name}' is {column.type} and is given {_short(text)!r}", on=on, next=f"Give {error}"
        ) from error


def _single(name: str, values: list[str], on: str) -> str:
    if len(values) > 1:
        raise BadRead(
            f"'{name}' is given {len(values)} times", on=on, next=f"Give it once; several values go to '{name}.in'"
        )
    return values[0]


def _check_extent(where: dict[str, Any], view: ViewDescription, on: str) -> None:
    for column in view.partition:
        if not any(_key(column, op) in where for op in ("=", "IN")):
            names = ", ".join(each.name for each in view.partition)
            raise BadRead(
                f"the partition key is not given: '{column.name}' is missing",
                on=on,
                next=f"Give a value of each of {names}",
            )
    for what, columns, most in (("partitions", view.partition, MOST_PARTITIONS), ("keys", view.clustering, MOST_KEYS)):
        count = math.prod(len(where.get(_key(column, "IN"), "1")) for column in columns)
        if count > most:
            raise BadRead(f"{count} {what} are asked for at once", on=on, next=f"Ask for at most {most} in one read")


def _limit(text: str | None, default: int, largest: int, on: str) -> int:
    if text is None:
        return min(default, largest)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= largest:
        raise BadRead(f"the limit is {_short(text)!r}", on=on, next=f"Give a whole number from 1 to {largest}")
    return int(text)


def _choice(name: str, own: dict[str, str], choices: tuple[str, ...], on: str) -> str:
    found = own.get(name, choices[0])
    if found not in choices:
        raise BadRead(f"'{name}' is {_short(found)!r}", on=on, next=f"Give one of {', '.join(choices)}")
    return found


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


class RowsResponder:
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


class PageTokens:
    """Signs tokens and checks them.

    Args:
        key: the same in all processes of the app.
    """

    def __init__(self, key: str | bytes) -> None:
        if not key:
            raise ConfigurationError(
                "there is no key to sign page tokens with",
                on="the app's configuration",
                next="Set SECRET_KEY, or VIEWS_TOKEN_KEY, to a long random text, the same in all processes; or set "
                "VIEWS_API_PREFIX to an empty text for no API",
            )
        derived = Signer(key, salt="cassandra-views page", key_derivation="hmac").derive_key()
        self._signer = Signer(derived, key_derivation="none")  # which else derives it again for each token

    def sign(self, token: str) -> str:
        """Return a token for a client."""
        return self._signer.sign(token).decode()

    def check(self, token: str, *, on: str) -> str:
        """Return the reader's token.

        Raises:
            BadRead: it was not signed here, or has been changed.
        """
        try:
            found = self._signer.unsign(token).decode()
            if self.sign(found) == token:  # several texts decode to one signature
                return found
        except (BadSignature, UnicodeError):
            pass
        raise BadRead(
            "the page token was not made here, or has been changed",
            on=on,
            next="Give the 'next_page' of an answer as it is, or begin again at the first page",
        )
