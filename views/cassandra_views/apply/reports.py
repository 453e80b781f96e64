"""Reports of a run while it works: values, not text on a screen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBegun:
    """A step begins."""

    index: int
    count: int
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step has ended; ``text`` says what came of it."""

    index: int
    count: int
    step: Step
    seconds: float
    text: str = ""
    is_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a long step is.

    Args:
        share: 0 to 1, None where unknown.
        left_seconds: an estimate from the rate so far, None where unknown.
    """

    view: ViewName
    number: int
    text: str
    share: float | None = None
    left_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should know now."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDone:
    """What an audit found, as data."""

    view: ViewName
    number: int
    result: AuditResult


Report = StepBegun | StepDone | Progress | AuditDone | Notice
Listener = Callable[[Report], None]


def ignore_reports(report: Report) -> None:
    """Ignore every report."""


class Halted(BaseException):
    """The run was interrupted; the thread that gets this ends."""


class SharedListener:
    """A listener that several threads of a run report to, one at a time.

    Once it is halted, each thread ends at its next report or check: an interrupted run waits for no build and no audit.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._is_halted = False

    def __call__(self, report: Report) -> None:
        """Pass a report on.

        Raises:
            Halted: the run is being ended.
        """
        with self._lock:
            self.check()
            self._listener(report)

    def note(self, text: str) -> None:
        """Pass a notice on; raises as ``__call__``."""
        self(Notice(text=text))

    def check(self) -> None:
        """Report nothing; for code that waits and has nothing to report.

        Raises:
            Halted: the run is being ended.
        """
        if self._is_halted:
            raise Halted

    def halt(self) -> None:
        """Let every thread end at its next report."""
        self._is_halted = True
