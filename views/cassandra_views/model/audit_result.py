"""What an audit found, as numbers and in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from cassandra_views.model.names import counted
from cassandra_views.model.times import EPOCH, instant_text


class AuditMethod(StrEnum):
    """How base and view were compared."""

    DIGESTS = "digests"
    """Digests of all rows of both sides; they are equal."""
    ROWS = "rows"
    """Digests of all rows, then the rows themselves where the digests differ."""
    PULSE = "pulse"
    """Totals that the server makes of both sides: counts, and sums of write times."""
    SAMPLE = "sample"
    """Rows drawn at random."""

    @classmethod
    def named(cls, text: str) -> AuditMethod:
        """Return the method of this name, which another program may have written."""
        return cls(text) if text in set(cls) else cls.ROWS


EXAMPLES = 3
"""So many differing rows of each kind are shown."""


class DifferenceKind(StrEnum):
    """How a row of a view differs from its base."""

    MISSING = "missing"
    """The base has the row, and the view has not."""
    EXTRA = "extra"
    """The view has the row, and the base has not."""
    STALE = "stale"
    """A value or its write time differs."""
    EXPIRING = "expiring"
    """A value, or a row that is nothing but its key, expires on one side alone; or a value expires at another time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDifference:
    """A column in which a row of the base and its row of the view differ.

    Args:
        base, view: the values, for people.
        base_written, view_written: their write times in microseconds since 1970; None where there is no value, or the
            server does not tell it.
        is_base_expiring, is_view_expiring: whether they have a TTL.
        base_expires, view_expires: when they expire, in seconds since 1970; None where there is no TTL, or the server
            does not tell it.
        is_value_equal: only the TTL differs.
    """

    column: str
    base: str
    view: str
    base_written: int | None = None
    view_written: int | None = None
    is_base_expiring: bool = False
    is_view_expiring: bool = False
    base_expires: int | None = None
    view_expires: int | None = None
    is_value_equal: bool = False

    def __str__(self) -> str:
        base, view = (
            f"{value} (written {written})" if written else value
            for value, written in ((self.base, self.base_write_text), (self.view, self.view_write_text))
        )
        return f"{self.column} is {base} in the base and {view} in the view"

    @property
    def base_write_text(self) -> str:
        """When the base's value was written and expires, for people."""
        return _write_text(self.base_written, self.base_expires, is_expiring=self.is_base_expiring)

    @property
    def view_write_text(self) -> str:
        """When the view's value was written and expires, for people."""
        return _write_text(self.view_written, self.view_expires, is_expiring=self.is_view_expiring)


def _write_text(written: int | None, expires: int | None, *, is_expiring: bool) -> str:
    if written is None:
        return ""
    if expires is not None:
        return f"{_moment_text(written)}, expires {_moment_text(expires * 1_000_000)}"
    return f"{_moment_text(written)}{' with a TTL' if is_expiring else ''}"


def _moment_text(microseconds: int) -> str:
    """Return a moment; the bare number where an application's write times are none."""
    try:
        moment = EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return str(microseconds)
    return instant_text(moment) if 2000 <= moment.year < 2100 else str(microseconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDifference:
    """A row that differs.

    Args:
        key: the base's key and the view's other key column, for people.
        cells: the columns that differ; of a row that one side lacks there are none.
    """

    kind: DifferenceKind
    key: str
    cells: tuple[CellDifference, ...] = ()

    def __str__(self) -> str:
        return f"{self.key}: {self.cells[0]}" if self.cells else self.key

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        cells = [
            {
                "column": cell.column,
                "base": cell.base,
                "view": cell.view,
                "base_written": cell.base_written,
                "view_written": cell.view_written,
                "base_has_ttl": cell.is_base_expiring,
                "view_has_ttl": cell.is_view_expiring,
                "base_expires": cell.base_expires,
                "view_expires": cell.view_expires,
            }
            for cell in self.cells
        ]
        return {"kind": self.kind.value, "key": self.key, "columns": cells}

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> RowDifference:
        """Return what ``as_json`` was made of."""
        cells = tuple(
            CellDifference(
                column=cell["column"],
                base=cell["base"],
                view=cell["view"],
                base_written=cell["base_written"],
                view_written=cell["view_written"],
                is_base_expiring=cell["base_has_ttl"],
                is_view_expiring=cell["view_has_ttl"],
                base_expires=cell["base_expires"],
                view_expires=cell["view_expires"],
            )
            for cell in found["columns"]
        )
        return cls(kind=DifferenceKind(found["kind"]), key=found["key"], cells=cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What an audit found.

    Args:
        base_rows, view_rows: how many rows of each side were compared.
        missing_rows, extra_rows, stale_rows, expiring_rows: how many differ, by ``DifferenceKind``.
        total_rows: of a sample: how many rows the view has, where they were counted.
        examples: some of them, a few of each kind.
        newer_rows: rows that were not compared, since they were written after the audit began.
        ahead_rows: as these, written with a time that had not come when they were read.
        settled_rows: rows that differed at first, and at a later look no longer: writes under way.
        is_partial: there may be more differences than these. Of a pulse: rows were counted, and nothing else compared;
            of a sample: of large partitions only the first rows were drawn from.
        differing_totals: of a pulse: what differs, in words.
        coverage: at which consistency, in which data centre.
        uncompared_centers: other data centres that have replicas of their own.
        first_time: where the base has rows and the window holds none: the time of the base's first row, as its
            table's file reads it.
    """

    base_rows: int
    view_rows: int
    missing_rows: int = 0
    extra_rows: int = 0
    stale_rows: int = 0
    expiring_rows: int = 0
    total_rows: int | None = None
    examples: tuple[RowDifference, ...] = ()
    newer_rows: int = 0
    ahead_rows: int = 0
    settled_rows: int = 0
    method: AuditMethod = AuditMethod.DIGESTS
    is_partial: bool = False
    differing_totals: tuple[str, ...] = ()
    coverage: str = ""
    uncompared_centers: tuple[str, ...] = ()
    first_time: str = ""

    @property
    def counts(self) -> dict[DifferenceKind, int]:
        """How many rows differ, by kind."""
        return {
            DifferenceKind.MISSING: self.missing_rows,
            DifferenceKind.EXTRA: self.extra_rows,
            DifferenceKind.STALE: self.stale_rows,
            DifferenceKind.EXPIRING: self.expiring_rows,
        }

    @property
    def rows(self) -> int | None:
        """How many rows the view has; None where that was not counted."""
        return self.total_rows if self.method is AuditMethod.SAMPLE else self.view_rows + self.skipped_rows

    def rows_or(self, former: int | None) -> int | None:
        """Return how many rows the view has, or had before, where that was not counted."""
        return former if self.rows is None else self.rows

    @property
    def skipped_rows(self) -> int:
        """How many rows were not compared."""
        return self.newer_rows + self.ahead_rows

    @property
    def is_passed(self) -> bool:
        """Tell whether the view holds what it should, as far as was compared."""
        return not any(self.counts.values()) and not self.differing_totals

    @property
    def is_whole(self) -> bool:
        """Tell whether every row was compared, but for those that are told as left out."""
        return self.method in (AuditMethod.DIGESTS, AuditMethod.ROWS)

    def with_differences(self, found: Sequence[RowDifference]) -> AuditResult:
        """Return this with further rows that differ, counted and a few of each kind as examples."""
        counts = Counter(each.kind for each in found)
        examples = [*self.examples, *found]
        return replace(
            self,
            missing_rows=self.missing_rows + counts[DifferenceKind.MISSING],
            extra_rows=self.extra_rows + counts[DifferenceKind.EXTRA],
            stale_rows=self.stale_rows + counts[DifferenceKind.STALE],
            expiring_rows=self.expiring_rows + counts[DifferenceKind.EXPIRING],
            examples=tuple(
                each for kind in DifferenceKind for each in [one for one in examples if one.kind is kind][:EXAMPLES]
            ),
        )

    @property
    def _figures(self) -> dict[str, Any]:
        """What was counted and how, by name."""
        return {
            "method": self.method.value,
            "base_rows": self.base_rows,
            "view_rows": self.view_rows,
            **{f"{kind}_rows": count for kind, count in self.counts.items()},
            "newer_rows": self.newer_rows,
            "ahead_rows": self.ahead_rows,
            "is_partial": self.is_partial,
        }

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            **self._figures,
            "coverage": self.coverage,
            "uncompared_centers": list(self.uncompared_centers),
            "total_rows": self.rows,
            "settled_rows": self.settled_rows,
            "first_time": self.first_time,
            "differing_totals": list(self.differing_totals),
            "examples": [each.as_json() for each in self.examples],
        }

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> AuditResult:
        """Return what ``as_json`` was made of, on another machine."""
        method = AuditMethod.named(found["method"])
        own = {each.name for each in fields(cls)} - {"method", "examples", "total_rows"}
        own -= {"differing_totals", "uncompared_centers"}
        return cls(
            **{name: value for name, value in found.items() if name in own},
            method=method,
            total_rows=found["total_rows"] if method is AuditMethod.SAMPLE else None,
            examples=tuple(RowDifference.of_json(each) for each in found["examples"]),
            differing_totals=tuple(found["differing_totals"]),
            uncompared_centers=tuple(found["uncompared_centers"]),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """The registry's columns of what was counted."""
        return {
            **{f"audit_{name}": value for name, value in self._figures.items()},
            "audit_differing_totals": list(self.differing_totals) or None,
            "audit_first_time": self.first_time or None,
        }

    @property
    def covered(self) -> str:
        """Say at which consistency rows were compared, and in which data centres they were and were not."""
        if not self.uncompared_centers:
            return self.coverage
        return f"{self.coverage}; not compared: the replicas in {' and '.join(self.uncompared_centers)}"

    def __str__(self) -> str:
        text = self._text()
        # Where one data centre is all there is, only a verdict of every row says how it was read.
        return text if not self.uncompared_centers or self.covered in text else f"{text} ({self.covered})"

    def _text(self) -> str:
        if self.differing_totals:
            return f"base and view differ, by their totals: {'; '.join(self.differing_totals)}"
        if not self.is_passed:
            found = "; ".join(self._found_text(kind, count) for kind, count in self.counts.items() if count)
            sampled = f"in a sample of {counted(self.base_rows, 'row')} of the base and {self.view_rows:,} of the view"
            return found if self.is_whole else f"{found}, {sampled}"
        if self.method is AuditMethod.PULSE:
            what = "row counts alone" if self.is_partial else "counts and sums of write times"
            return f"equal totals of {counted(self.view_rows, 'row')} (pulse: {what})"
        if self.method is AuditMethod.SAMPLE:
            return self._sample_text()
        how = f"{self.method}, {self.covered}" if self.coverage else str(self.method)
        text = f"{counted(self.view_rows, 'row')} of {self.base_rows:,} ({how})"
        if self.view_rows != self.base_rows:
            text = f"{counted(self.view_rows, 'row')}, {self.base_rows:,} in the base a moment before ({how})"
        if self.newer_rows:
            text += f"; not compared: {counted(self.newer_rows, 'row')} written since the audit began"
        if self.ahead_rows:
            text += f"; not compared: {counted(self.ahead_rows, 'row')} with a write time that is still to come"
        return f"{text}; {empty_window_text(self.first_time)}" if self.first_time else text

    def _sample_text(self) -> str:
        """Say what a sample without a difference means: of n, by the rule of three, fewer than 3/n differ."""
        sampled = f"no difference in {counted(self.base_rows, 'row')} of the base and {self.view_rows:,} of the view"
        least = min(self.base_rows, self.view_rows)
        if self.is_partial:
            return f"{sampled}; of large partitions only the first rows were drawn from"
        share = f": fewer than {300 / least:.2g} % of the rows differ, at 95 %" if least > 3 else ""
        return f"{sampled}, drawn at random{share}"

    def _found_text(self, kind: DifferenceKind, count: int) -> str:
        label = kind.value.upper()
        examples = [each for each in self.examples if each.kind is kind]
        example = f" (such as {examples[0]})" if examples else ""
        sides = {DifferenceKind.MISSING: (self.base_rows, self.view_rows)}
        side, other = sides.get(kind, (self.view_rows, self.base_rows))
        is_one_sided = kind in (DifferenceKind.MISSING, DifferenceKind.EXTRA) and not other
        is_side = self.is_whole and is_one_sided and count >= side
        if is_side and not self.is_partial and count > 1:
            return f"all {count:,} rows are {label}{example}"
        return f"{'at least ' if self.is_partial else ''}{count:,} {label}{example}"


def empty_window_text(first_time: str) -> str:
    """Return what is said where the base has rows and the window holds none."""
    return f"the base has rows, and the window holds none: by its table's file the base's first row is of {first_time}"
