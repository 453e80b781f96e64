"""Page tokens: the last key that was read, so that the next page can be read from any generation of the view.

A token is url-safe text around: a version byte, a digest of the query, a digest of the key's layout,
the values of the last key and, for each clustering column asked for by IN, a bit mask of the values
that are done (the server returns them in its own order, which a client does not know). A checksum
ends it. It is no secret and proves nothing: whoever forges one reads another place of the same query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cassandra_views.model.errors import BadRead

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
