"""Names of views: limits, and the physical name of a generation; and numbers with their nouns."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

PHYSICAL_NAME_LIMIT = 48
"""Characters of a physical name: the longest that every server version takes."""
NAME_LIMIT = 222
"""Characters of a table's or view's name that servers of 5.0 take; those before 5.0.6 break on longer ones."""

_STEM_LIMIT, _DIGEST_BYTES = 38, 4
"""Of the name before ``__g`` and 7 digits, and of the hash that stands for the rest of a longer one."""

HAND_MADE_NUMBER = 0
"""The number of the view that existed under the logical name before this program managed it: it keeps its name."""

_WORD = re.compile(r"\w+\Z", re.ASCII)
_PHYSICAL = re.compile(r"(?P<stem>\w+)__g(?P<number>[1-9][0-9]*)\Z", re.ASCII)


def is_word(name: str) -> bool:
    """Tell whether the server takes this as the name of a table or view (word characters only)."""
    return bool(_WORD.match(name))


def keyspace_fault(name: str) -> str:
    """Return why the server takes no keyspace of this name, an empty text where it does."""
    if not is_word(name):
        return f"'{name}' cannot be a keyspace's name: servers take only letters, digits and underscores"
    if len(name) > PHYSICAL_NAME_LIMIT:
        return (
            f"the keyspace's name '{name}' has {len(name)} characters, and servers take {PHYSICAL_NAME_LIMIT} at most"
        )
    return ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ViewName:
    """The logical name that readers use, in its keyspace."""

    keyspace: str
    view: str

    def __str__(self) -> str:
        return f"{self.keyspace}.{self.view}"

    def physical(self, number: int) -> str:
        """Return the name of the generation's physical view; that of a view made by hand is the logical one."""
        return self.view if number == HAND_MADE_NUMBER else f"{self.stem}__g{number}"

    @property
    def stem(self) -> str:
        """What the physical names of all generations begin with: the view's name, shortened where it is too long.

        A longer name keeps its first 29 characters; ``_`` and 8 hex digits of the hash of all of it follow.
        """
        if len(self.view) <= _STEM_LIMIT:
            return self.view
        digest = hashlib.blake2b(self.view.encode(), digest_size=_DIGEST_BYTES).hexdigest()
        return f"{self.view[: _STEM_LIMIT - 1 - len(digest)]}_{digest}"


def parse_physical(name: str) -> tuple[str, int] | None:
    """Return ``(stem, number)`` of a physical name, or None where it is not one; the stem is that of ``ViewName``."""
    match = _PHYSICAL.match(name)
    return (match["stem"], int(match["number"])) if match else None


def generation_number(view: str, physical: str) -> int:
    """Return the number of the generation of a view that has this physical name."""
    parsed = parse_physical(physical) if physical != view else None
    return parsed[1] if parsed else HAND_MADE_NUMBER


def nearest(name: str, known: list[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known name, or an empty text."""
    import difflib

    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2,000 rows``."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"
