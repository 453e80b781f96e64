"""The errors that every part builds on: one root, its text in four parts, and those of reaching a cluster.

What failed and on what, what state remains, what to do next (design 5.12). The root is here, below all that raises
errors, so that one ``except ViewsError`` catches them. Library code raises; only the command line prints and exits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a file of the project; ``line`` and ``column`` count from 1, 0 where unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")


def as_sentence(text: str) -> str:
    """Return a sentence with its end stop."""
    return text if text.endswith(("?", "!", ".")) else f"{text}."


class ViewsError(Exception):
    """The root of all errors of this project.

    Args:
        what: what failed, a full sentence without its end stop.
        on: which ``keyspace.view`` (and generation), table, file or host it is about; may be empty.
        remains: what state remains ("Nothing was changed" where that is so).
        next: what to do next.
        place: where in a file, if it is about one.
    """

    def __init__(
        self,
        what: str,
        *,
        on: str = "",
        remains: str = "Nothing was changed",
        next: str,
        place: Place | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what.rstrip(". ")
        self.on = on
        self.remains = remains.rstrip(". ")
        self.next = next.rstrip(". ")
        self.place = place

    def __str__(self) -> str:
        head = f"{self.place}: " if self.place else ""
        on = f"{self.on}: " if self.on else ""
        return f"{head}{on}{as_sentence(self.what)} {as_sentence(self.remains)} {as_sentence(self.next)}"


class ConfigurationError(ViewsError):
    """No contact point, a bad views.toml, flag or variable."""


class ClusterError(ViewsError):
    """The cluster cannot be reached, or answers what cannot be worked with."""
