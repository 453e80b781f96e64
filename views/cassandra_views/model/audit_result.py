"""What an audit found, as numbers and in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cassandra_views.model.names import counted


class AuditMethod(StrEnum):
    """How base and view were compared."""

    DIGESTS = "key digests"
    """Digests of all keys of both sides; they are equal."""
    KEYS = "keys"
    """Digests of all keys, then the keys themselves where the digests differ."""

    @classmethod
    def named(cls, text: str) -> AuditMethod:
        """Return the method of this name, which a newer program may have written."""
        return cls(text) if text in set(cls) else cls.KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What an audit found. Keys are compared, values are not.

    Args:
        missing_rows: rows of the base that the view lacks.
        extra_rows: rows of the view that the base lacks.
        missing, extra: the keys of some of them, for people.
        is_partial: there may be more than these.
        first_time: where the base has rows and the window holds none: the time of the base's first row, as its
            table's file reads it.
    """

    base_rows: int
    view_rows: int
    missing_rows: int = 0
    extra_rows: int = 0
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    method: AuditMethod = AuditMethod.DIGESTS
    is_partial: bool = False
    first_time: str = ""

    @property
    def is_passed(self) -> bool:
        """Tell whether the view holds what it should."""
        return not self.missing_rows and not self.extra_rows

    @property
    def facts(self) -> dict[str, Any]:
        """The registry's columns of what was counted."""
        return {
            "audit_base_rows": self.base_rows,
            "audit_missing_rows": self.missing_rows,
            "audit_extra_rows": self.extra_rows,
            "audit_is_partial": self.is_partial,
            "audit_method": self.method.value,
            "audit_first_time": self.first_time or None,
        }

    def __str__(self) -> str:
        if not self.is_passed:
            missing = self._found("MISSING", self.missing_rows, self.missing, self.base_rows, self.view_rows)
            extra = self._found("EXTRA", self.extra_rows, self.extra, self.view_rows, self.base_rows)
            return "; ".join(filter(None, (missing, extra)))
        text = f"{counted(self.view_rows, 'row')} of {self.base_rows:,} ({self.method})"
        if self.view_rows != self.base_rows:
            text = f"{counted(self.view_rows, 'row')}, {self.base_rows:,} in the base a moment before ({self.method})"
        return f"{text}; {empty_window_text(self.first_time)}" if self.first_time else text

    def _found(self, label: str, count: int, rows: tuple[str, ...], side: int, other: int) -> str:
        if not count:
            return ""
        example = f" (such as {rows[0]})" if rows else ""
        if not other and count >= side and not self.is_partial and count > 1:
            return f"all {count:,} rows are {label}{example}"
        return f"{'at least ' if self.is_partial else ''}{count:,} {label}{example}"


def empty_window_text(first_time: str) -> str:
    """Return what is said where the base has rows and the window holds none."""
    return f"the base has rows, and the window holds none: by its table's file the base's first row is of {first_time}"
