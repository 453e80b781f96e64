"""How long after a base write a view shows it: what its file promises, and what was measured. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cassandra_views.model.names import counted
from cassandra_views.model.statement import COMPARISONS, Literal, LiteralKind, Operator, Relation, Subject, Term

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LagPolicy:
    """What a view's file says of its lag.

    Args:
        promise: how late the view may show a write; None promises nothing.
        probe: columns of the view's key and their values that are reserved for the canary row; empty where none is
            written.
    """

    promise: timedelta | None = None
    probe: tuple[tuple[str, Scalar], ...] = ()


class LagBound(StrEnum):
    """What a figure says of the lag."""

    EXACT = "exact"
    AT_MOST = "at most"
    """The newest row that was looked for was there at the first look."""
    AT_LEAST = "at least"
    """It was not there yet when the time to wait for it was over, or not every node could be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLag:
    """What one node showed of the canary row: after how long, or why it is not known.

    Args:
        seconds: since the base write was acknowledged.
    """

    address: str
    seconds: float | None = None
    bound: LagBound = LagBound.EXACT
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWrites:
    """What nodes say is still on its way; None where none of them could be asked, or knows such a figure.

    Args:
        old_batches: batches of view writes older than the promise, or than 5 seconds.
        are_more_batches: some node holds more than were read, so that there may be more old ones.
        old_hints: nodes' hints for another one that are as old.
        attempted, pending: view writes to other nodes since the nodes started, and those that were not acknowledged;
            one that a hint brings later stays among them.
        unasked, unasked_hints: nodes that did not report their batches, and their hints.
    """

    old_batches: int | None = None
    are_more_batches: bool = False
    old_hints: int | None = None
    attempted: int | None = None
    pending: int | None = None
    unasked: tuple[str, ...] = ()
    unasked_hints: tuple[str, ...] = ()

    @property
    def batches_text(self) -> str:
        """How many old batches there are: ``at least`` where not all were read."""
        if self.old_batches is None:
            return "unknown"
        return f"{'at least ' if self.are_more_batches else ''}{self.old_batches:,}"

    def __str__(self) -> str:
        def text(count: int | None) -> str:
            return "unknown" if count is None else f"{count:,}"

        found = (
            f"view writes attempted {text(self.attempted)}, pending {text(self.pending)}; "
            f"old batches {self.batches_text}, old hints {text(self.old_hints)}"
        )
        silent = sorted({*self.unasked, *(self.unasked_hints if self.old_hints is not None else ())})
        return found + (f"; not asked: {', '.join(silent)}" if silent else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLag:
    """The lag of one view, as the registry keeps it.

    Args:
        seconds: None where nothing could be measured.
        found: how it was measured, in words.
    """

    seconds: float | None
    bound: LagBound
    at: datetime
    found: str = ""

    @property
    def late_seconds(self) -> float:
        """How late a write was seen to be; 0 where none was seen late."""
        return 0.0 if self.seconds is None or self.bound is LagBound.AT_MOST else self.seconds

    def is_broken(self, promise: timedelta | None) -> bool:
        """Tell whether it shows that a promise is broken; a view that is only not known to be late breaks none."""
        is_known = self.seconds is not None and self.bound is not LagBound.AT_MOST
        return promise is not None and is_known and (self.seconds or 0.0) > promise.total_seconds()

    def promise_text(self, promise: timedelta | None) -> str:
        """Return ``kept``, ``broken`` or ``unknown``; empty where nothing is promised."""
        if promise is None:
            return ""
        if self.is_broken(promise):
            return "broken"
        is_bounded = self.seconds is not None and self.bound is not LagBound.AT_LEAST
        return "kept" if is_bounded and (self.seconds or 0.0) <= promise.total_seconds() else "unknown"

    def __str__(self) -> str:
        return "unknown" if self.seconds is None else seconds_text(self.seconds, self.bound)


def seconds_text(seconds: float, bound: str) -> str:
    """Return a lag for people: ``0.213 s``, ``at most 3.2 s``."""
    text = f"{seconds:.3f} s" if seconds < 1 else f"{seconds:,.1f} s"
    return text if bound == LagBound.EXACT else f"{bound} {text}"


def lag_of_nodes(nodes: tuple[NodeLag, ...], at: datetime) -> MeasuredLag:
    """Return a view's lag by its canary row: that of the node which showed it last.

    Where a node did not answer the view may be later than the others showed: the lag is known from below alone.
    """
    known = [each for each in nodes if each.seconds is not None]
    silent = [f"{each.address} ({each.error})" for each in nodes if each.seconds is None]
    if not known:
        found = f"canary row, unknown through {', '.join(silent)}"
        return MeasuredLag(seconds=None, bound=LagBound.EXACT, at=at, found=found)
    last = max(known, key=lambda each: (each.bound is LagBound.AT_LEAST, each.seconds or 0.0))
    late = [each.address for each in known if each.bound is LagBound.AT_LEAST]
    found = f"canary row, seen through {counted(len(known) - len(late), 'node')}"
    found += f", not in time through {', '.join(late)}" if late else f", last through {last.address}"
    found += f"; unknown through {', '.join(silent)}" if silent else ""
    bound = LagBound.AT_LEAST if silent else last.bound
    return MeasuredLag(seconds=last.seconds, bound=bound, at=at, found=found)


def is_probe_type(type_: str) -> bool:
    """Tell whether a view's file can give a value of this type for the canary row: of no collection, tuple or UDT."""
    return "<" not in type_  # what stands in a key is frozen


_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def find_unmet(
    relations: Iterable[Relation], key: Iterable[tuple[str, Scalar]], types: Mapping[str, str]
) -> Relation | None:
    """Return a condition of a view that no row of this key meets, so that it never shows; None where none is known.

    Only what needs no server is judged: constants whose meaning and order are the same here and there.

    Args:
        types: of the base's columns, as far as they are known.
    """
    values = dict(key)
    for relation in relations:
        if relation.operator is Operator.IS_NOT_NULL:
            continue
        if not values.keys() >= set(relation.columns):
            return relation
        if relation.subject is not Subject.COLUMN or len(relation.columns) != 1:
            continue
        (name,) = relation.columns
        pairs = [_comparable(values[name], each, types.get(name, "")) for each in relation.values]
        constants = [each for each in pairs if each is not None]
        if len(constants) < len(pairs):
            continue
        compare = COMPARISONS.get(relation.operator)
        if relation.operator is Operator.IN:
            is_met = any(own == other for own, other in constants)
        elif compare is not None:
            is_met = all(compare(own, other) for own, other in constants)
        else:
            continue
        if not is_met:
            return relation
    return None


def _comparable(value: Scalar, term: Term, type_: str) -> tuple[Any, Any] | None:
    """Return a value and a constant as they are compared; None where only the server can."""
    if not isinstance(term, Literal):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and term.kind is LiteralKind.INTEGER:
        return value, int(term.text)
    if isinstance(value, str) and term.kind is LiteralKind.STRING:
        if type_ in ("text", "varchar", "ascii"):
            return value.encode(), term.text.encode()
        if type_ == "date" and _DATE.fullmatch(value) and _DATE.fullmatch(term.text):
            return value, term.text
    return None


def lag_of_rows(
    late: list[float], missing_age: float | None, newest_age: float | None, rows: int, at: datetime
) -> MeasuredLag:
    """Return a view's lag by rows of its base that were looked for.

    Args:
        late: of rows that came while they were waited for, how long after their write they came, in seconds.
        missing_age: the age of the oldest row that did not come; None where all came.
        newest_age: the age of the newest row that was there at the first look; None where there is none.
        rows: how many were looked for.
    """
    looked = f"{counted(rows, 'row')} of a sample"
    if missing_age is not None:
        return MeasuredLag(
            seconds=missing_age,
            bound=LagBound.AT_LEAST,
            at=at,
            found=f"{looked}, not all of which came: audit the view",
        )
    if late:
        found = f"{looked}, {len(late):,} of which came later than they were looked for"
        return MeasuredLag(seconds=max(late), bound=LagBound.EXACT, at=at, found=found)
    if newest_age is not None:
        found = f"{looked}, all of which the view showed already"
        return MeasuredLag(seconds=max(0.0, newest_age), bound=LagBound.AT_MOST, at=at, found=found)
    return MeasuredLag(seconds=None, bound=LagBound.EXACT, at=at, found="no row of the base has a write time to go by")
