"""The order in which a server names what it holds in Java's hash sets and maps: its messages follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

_WORD = 0xFFFFFFFF


def identifier_order(names: Iterable[str]) -> list[str]:
    """Return column names, each once, as a server walks over a HashSet of them."""
    return _hash_order(names, _bytes_hash)


def text_order(texts: Iterable[str]) -> list[str]:
    """Return texts, each once, as Java walks over a HashMap of them."""
    return _hash_order(texts, _string_hash)


def _hash_order(texts: Iterable[str], hash_of: Callable[[str], int]) -> list[str]:
    unique = tuple(dict.fromkeys(texts))
    buckets = 16
    while len(unique) > buckets * 0.75:
        buckets *= 2

    def bucket(text: str) -> int:
        code = hash_of(text)
        return (code ^ (code >> 16)) & (buckets - 1)

    return sorted(unique, key=bucket)


def _bytes_hash(text: str) -> int:
    """Return what ByteBuffer.hashCode makes of a name in UTF-8."""
    code = 1
    for byte in reversed(text.encode()):
        code = (31 * code + (byte - 256 if byte > 127 else byte)) & _WORD
    return code


def _string_hash(text: str) -> int:
    """Return what String.hashCode makes of a text."""
    code, units = 0, text.encode("utf-16-be")
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + high * 256 + low) & _WORD
    return code
