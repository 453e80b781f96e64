"""The statements of one read in the order of its rows, and the tokens that resume it after a page.

A token is url-safe text around: a version byte, a digest of the query, a digest of the key's layout,
the values of the last key and, for each clustering column asked for by IN, a bit mask of the values
that are done (the server returns them in its own order, which a client does not know). A checksum
ends it. It is no secret and proves nothing: whoever forges one reads another place of the same query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from cassandra_views.model.errors import BadRead
from cassandra_views.read.physical import PhysicalView
from cassandra_views.read.query import WRONG_VALUE, Query, serialized
from cassandra_views.read.routing import Route, Span

_VERSION = 1
_QUERY_BYTES = 8
_LAYOUT_BYTES = 4
_CHECK_BYTES = 6
_HEAD = 1 + _QUERY_BYTES + _LAYOUT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The last row that a page held.

    Args:
        key: the bytes of its key, the partition key first.
        done: for each clustering column that is asked for, the values of its IN that need no more reading, as
            bits (0 without an IN); empty where no clustering column is asked for by IN.
    """

    key: tuple[bytes, ...]
    done: tuple[int, ...]


def query_digest(view: str, conditions: list[bytes]) -> bytes:
    """Return what tells queries apart; the limit is no part of it, so that pages may differ in size."""
    digest = hashlib.blake2b(view.encode(), digest_size=_QUERY_BYTES)
    for each in conditions:
        digest.update(len(each).to_bytes(4) + each)
    return digest.digest()


def to_token(position: Position, *, query: bytes, layout: bytes) -> str:
    """Return the token that goes on after the position."""
    parts = [bytes([_VERSION]), query, layout, len(position.key).to_bytes(2)]
    parts += [len(value).to_bytes(4) + value for value in position.key]
    for mask in position.done:
        data = mask.to_bytes((mask.bit_length() + 7) // 8)
        parts.append(len(data).to_bytes(4) + data)
    data = b"".join(parts)
    return base64.urlsafe_b64encode(data + _checksum(data)).decode().rstrip("=")


def from_token(token: object, *, query: bytes, layout: bytes, on: str) -> Position:
    """Return the position that a token holds.

    Raises:
        BadRead: it is no token, has been changed, or belongs to another query.
    """
    if not isinstance(token, str):
        raise BadRead(f"{token!r} is no page token", on=on, next="Give the 'next_page' of a result, or None")
    try:
        # Decoding alone would skip letters that are no base64, and take several texts for one.
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        data = b""
    content = data[:-_CHECK_BYTES]
    if len(content) < _HEAD + 2 or _checksum(content) != data[-_CHECK_BYTES:] or _plain(data) != token:
        raise BadRead("the page token is damaged", on=on, next="Begin again at the first page")
    if content[0] != _VERSION:
        raise BadRead(
            "the page token is of another version of this library", on=on, next="Begin again at the first page"
        )
    if content[1 : 1 + _QUERY_BYTES] != query:
        raise BadRead(
            "the page token belongs to another query",
            on=on,
            next="Give it with the view and the conditions that it came from, or begin at the first page",
        )
    if content[1 + _QUERY_BYTES : _HEAD] != layout:
        raise BadRead(
            "the view's key has changed since the page token was made", on=on, next="Begin again at the first page"
        )
    count = int.from_bytes(content[_HEAD : _HEAD + 2])
    values, place = [], _HEAD + 2
    while place < len(content):
        size = int.from_bytes(content[place : place + 4])
        values.append(content[place + 4 : place + 4 + size])
        place += 4 + size
    return Position(key=tuple(values[:count]), done=tuple(int.from_bytes(each) for each in values[count:]))


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_CHECK_BYTES, person=b"views page").digest()


def _plain(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One SELECT: what follows its FROM, and the values to bind."""

    view: PhysicalView
    rest: str
    values: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Statements on one generation, which are made by what its physical view looks like."""

    span: Span
    statements: Callable[[PhysicalView], Iterator[Statement]]


class StatementSequence:
    """The statements of one read through generations, partitions and rows.

    Args:
        view: a physical view whose key is that of the page token.
        after: the last row of the page before, or None for the first page.
        reverse: the rows of each partition come against the view's order.
    """

    def __init__(
        self,
        query: Query,
        given: list[Any],
        route: Route,
        view: PhysicalView,
        after: Position | None,
        *,
        reverse: bool,
        on: str,
    ) -> None:
        self._query = query
        self._given = given
        self._route = route
        self._view = view
        self._after = after
        #: The position until its partition was met.
        self._waiting = after
        self._reverse = reverse
        self._on = on

    def sections(self) -> Iterator[Section]:
        """Return the statements by generation; each section is asked for when the one before has made all of its own.

        Raises:
            BadRead: the page token points outside the query.
        """
        return self._whole() if self._query.is_whole else self._partitions()

    def _whole(self) -> Iterator[Section]:
        spans = self._route.spans
        if self._after is not None:
            key = _decoded(self._view, self._after, self._query, self._on)
            spans = spans[self._span_of_page(spans, key[: len(self._view.partition)]) :]
            yield Section(span=spans[0], statements=partial(self._rest_of_view, key))
            spans = spans[1:]
        for span in spans:
            yield Section(span=span, statements=_whole_view)

    def _rest_of_view(self, key: tuple[Any, ...], view: PhysicalView) -> Iterator[Statement]:
        yield from self._rest_of_partition(view, key)
        columns = ", ".join(column.cql for column in view.partition)
        marks = ", ".join("?" for _ in view.partition)
        values = list(key[: len(view.partition)])
        yield Statement(view=view, rest=f"WHERE token({columns}) > token({marks})", values=values)

    def _span_of_page(self, spans: tuple[Span, ...], partition: tuple[Any, ...]) -> int:
        """Return where the generation stands in which the last page ended: by time, its partition key."""
        if len(spans) == 1:
            return 0
        for place, span in enumerate(spans):
            if span.holds(partition[0]):
                return place
        raise BadRead(
            "the page token points to a time that is served no longer",
            on=self._on,
            next="Begin again at the first page",
        )

    def _partitions(self) -> Iterator[Section]:
        query, given = self._query, self._given
        lists = [given[term.index] if term.op == "IN" else (given[term.index],) for term in query.partition]
        for partition in product(*lists):
            yield Section(span=self._span(partition), statements=partial(self._partition, partition))
        if self._waiting is not None and all(lists):
            raise BadRead("the page token points outside the query", on=self._on, next="Begin again at the first page")

    def _partition(self, partition: tuple[Any, ...], view: PhysicalView) -> Iterator[Statement]:
        query, given, waiting = self._query, self._given, self._waiting
        if waiting is None:
            inner = [list(given[t.index]) if t.op == "IN" else given[t.index] for t in query.flat]
            yield Statement(view=view, rest=query.rest + self._order(view), values=[*partition, *inner])
        elif self._bytes(view, partition) == waiting.key[: len(partition)]:
            self._waiting = None
            yield from self._rest_of_partition(view, _decoded(view, waiting, query, self._on))

    def _span(self, partition: tuple[Any, ...]) -> Span:
        by_time = self._route.by_time
        if by_time is None:
            return self._route.spans[0]
        time = self._route.spans[0].entry.time
        assert time is not None  # by_time is made of it
        return by_time[partition[self._query.partition_names.index(time.name)]]

    def _bytes(self, view: PhysicalView, partition: tuple[Any, ...]) -> tuple[bytes, ...]:
        return tuple(
            serialized(column, value, view.protocol_version, on=self._on)
            for column, value in zip(view.partition, partition, strict=True)
        )

    def _rest_of_partition(self, view: PhysicalView, key: tuple[Any, ...]) -> Iterator[Statement]:
        """Return the reads of what follows the last row in its partition: the deepest column first.

        Each column goes its own direction, which one comparison of the whole key could not say.
        """
        assert self._after is not None
        query, width = self._query, len(view.partition)
        for depth in reversed(range(len(view.clustering))):
            column = view.clustering[depth]
            terms = query.clustering[depth] if depth < len(query.clustering) else ()
            if terms and terms[0].op == "=":
                continue  # nothing can follow in this column
            conditions = [f"{each.cql} = ?" for each in view.key[: width + depth]]
            values = list(key[: width + depth])
            if terms and terms[0].op == "IN":
                done = self._after.done[depth]
                left = [value for place, value in enumerate(self._given[terms[0].index]) if not done >> place & 1]
                if not left:
                    continue
                conditions.append(str(terms[0]))
                values.append(left)
                deeper = [term for each in query.clustering[depth + 1 :] for term in each]
            else:
                op = "<" if column.is_descending != self._reverse else ">"
                conditions.append(f"{column.cql} {op} ?")
                values.append(key[width + depth])
                deeper = [term for term in terms if term.op[0] != op]
            for term in deeper:
                conditions.append(str(term))
                value = self._given[term.index]
                values.append(list(value) if term.op == "IN" else value)
            yield Statement(view=view, rest=f"WHERE {' AND '.join(conditions)}{self._order(view)}", values=values)

    def _order(self, view: PhysicalView) -> str:
        return view.reverse_order if self._reverse else ""


def _whole_view(view: PhysicalView) -> Iterator[Statement]:
    yield Statement(view=view, rest="", values=[])


def position_after(
    rows: list[Any], view: PhysicalView, query: Query, given: list[Any], before: Position | None, *, on: str
) -> Position:
    """Return the position of the last of the rows, all read from ``view``.

    Args:
        before: where the page began, whose finished values of IN are kept.
    """
    key = serialized_key(view, rows[-1], on)
    if not query.has_inner_in:
        return Position(key=key, done=())
    width = len(view.partition)
    done = []
    for depth, terms in enumerate(query.clustering):
        mask = 0
        if terms[0].op == "IN":
            column, prefix = view.clustering[depth], key[: width + depth]
            seen = {key[width + depth]}
            if before is not None and before.key[: width + depth] == prefix:
                mask = before.done[depth]
            for row in reversed(rows[:-1]):
                each = serialized_key(view, row, on)
                if each[: width + depth] != prefix:
                    break
                seen.add(each[width + depth])
            for place, value in enumerate(given[terms[0].index]):
                if serialized(column, value, view.protocol_version, on=on) in seen:
                    mask |= 1 << place
        done.append(mask)
    return Position(key=key, done=tuple(done))


def serialized_key(view: PhysicalView, row: Any, on: str) -> tuple[bytes, ...]:
    """Return the key of a row as bytes.

    Raises:
        BadRead: the session's row factory hides the key.
    """
    try:
        return view.key_bytes(row)
    except WRONG_VALUE as error:
        raise BadRead(f"its rows cannot be paged: {error}", on=on, next="Use a row factory of the driver") from error


def _decoded(view: PhysicalView, position: Position, query: Query, on: str) -> tuple[Any, ...]:
    if len(position.key) == len(view.key) and len(position.done) == (
        len(query.clustering) if query.has_inner_in else 0
    ):
        try:
            return tuple(
                column.type.from_binary(data, view.protocol_version)
                for column, data in zip(view.key, position.key, strict=True)
            )
        except WRONG_VALUE as error:
            raise BadRead("the page token is damaged", on=on, next="Begin again at the first page") from error
    raise BadRead("the page token is damaged", on=on, next="Begin again at the first page")
