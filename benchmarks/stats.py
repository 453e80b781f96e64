"""The arithmetic of the figures: percentiles, ratios and what a stretch of time saw. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from statistics import median


class Outcome(IntEnum):
    """What came of a request; ``SHORT`` is an answer with fewer rows than are known to exist."""

    OK = 0
    FAILED = 1
    EMPTY = 2
    SHORT = 3


def outcome_of(rows: int, expected: int) -> Outcome:
    """Judge an answer by its number of rows."""
    if rows >= expected:
        return Outcome.OK
    return Outcome.SHORT if rows else Outcome.EMPTY


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least this share (0 to 1) of the values do not exceed; NaN of none."""
    ranked = sorted(values)
    if not ranked:
        return math.nan
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of time ``[begin, end)``, by the machine's monotonic clock, in seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the requests of some stretches of time saw; latencies in seconds."""

    requests: int
    failed: int
    empty: int
    short: int
    p50: float
    p99: float
    longest: float


@dataclass(slots=True, kw_only=True)
class Records:
    """Every request of one load: when it was due, how long after that it was answered, what came of it.

    A request belongs to the stretch in which it was due, not to the one in which it was sent: a
    server that stands still cannot hide the requests that waited for it.
    """

    due: array[float] = field(default_factory=lambda: array("d"))
    latency: array[float] = field(default_factory=lambda: array("d"))
    outcome: bytearray = field(default_factory=bytearray)
    problems: dict[str, int] = field(default_factory=dict)

    def add(self, due: float, answered: float, outcome: Outcome) -> None:
        """Note one request; its latency counts from when it was due."""
        self.due.append(due)
        self.latency.append(answered - due)
        self.outcome.append(outcome)

    def note(self, problem: str) -> None:
        """Count a problem by its text."""
        self.problems[problem] = self.problems.get(problem, 0) + 1

    def extend(self, other: Records) -> None:
        """Take another's requests in."""
        self.due.extend(other.due)
        self.latency.extend(other.latency)
        self.outcome.extend(other.outcome)
        for text, count in other.problems.items():
            self.problems[text] = self.problems.get(text, 0) + count

    def within(self, *stretches: Stretch) -> Summary:
        """Sum up the requests that were due in these stretches."""
        places = [
            place for place, due in enumerate(self.due) if any(each.begin <= due < each.end for each in stretches)
        ]
        latencies = [self.latency[place] for place in places]
        outcomes = [self.outcome[place] for place in places]
        return Summary(
            requests=len(places),
            failed=outcomes.count(Outcome.FAILED),
            empty=outcomes.count(Outcome.EMPTY),
            short=outcomes.count(Outcome.SHORT),
            p50=percentile(latencies, 0.50),
            p99=percentile(latencies, 0.99),
            longest=max(latencies, default=math.nan),
        )

    def all(self) -> Summary:
        """Sum up all requests."""
        return self.within(Stretch(begin=-math.inf, end=math.inf))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """Ratios of pairs, one a round: the middle one is the figure, the others show how far to trust it."""

    each: tuple[float, ...]

    @classmethod
    def of(cls, measured: Sequence[float], reference: Sequence[float]) -> Ratios:
        """Divide round by round."""
        return cls(each=tuple(one / other for one, other in zip(measured, reference, strict=True)))

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.each)

    def __str__(self) -> str:
        return f"{self.middle:.2f}x ({min(self.each):.2f} to {max(self.each):.2f})"


def against_itself(values: Sequence[float]) -> float:
    """Return how far equal runs differ: the largest over the smallest."""
    return max(values) / min(values)
