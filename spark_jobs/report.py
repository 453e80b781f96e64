"""What a job says of itself: one line of JSON."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cassandra_client.errors import ViewsError, ended
from cassandra_views.model.times import instant_text
from spark_jobs.interval import Interval


@dataclass(slots=True, kw_only=True)
class Report:
    """The counts of one job; docs/reference/rollups.md says what each means."""

    task: str
    interval: Interval
    intervals: int = 0
    rows_read: int = 0
    rows_written: int = 0
    streamers_missing: int = 0
    expected: int = 0
    seen: int = 0
    filled: int = 0
    kept: int = 0
    source: list[str] = field(default_factory=list)
    spark: str | None = None
    seconds: float = 0.0
    unknown: dict[str, int] | None = None

    def line(self) -> str:
        """Return the JSON line."""
        found: dict[str, Any] = {
            "task": self.task,
            "start": instant_text(self.interval.start),
            "end": instant_text(self.interval.end),
            "intervals": self.intervals,
            "rows_read": self.rows_read,
            "rows_written": self.rows_written,
            "streamers_missing": self.streamers_missing,
            "expected": self.expected,
            "seen": self.seen,
            "completeness": round(self.seen / self.expected, 6) if self.expected else 0.0,
            "filled": self.filled,
            "kept": self.kept,
            "source": sorted(self.source),
            "spark": self.spark,
            "seconds": round(self.seconds, 3),
        }
        if self.unknown is not None:
            found["unknown"] = self.unknown
        return json.dumps(found)


def tell(text: str) -> None:
    """Say something on standard error: standard output is for the JSON line alone."""
    print(text, file=sys.stderr, flush=True)


def tell_error(error: ViewsError) -> None:
    """Say the four parts of an error."""
    place = f"{error.place}: " if error.place else ""
    tell(f"Error: {ended(f'{place}{error.what}')}")
    for label, text in (("On", error.on), ("State", error.remains), ("Next", error.next)):
        if text:
            tell(f"  {label}: {text if label == 'On' else ended(text)}")


def quiet_py4j() -> None:
    """Keep the tracebacks of what py4j raises out of this program's logs; for programs to call at their start."""
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(_is_not_of_py4j)  # it logs some of them to nobody's logger


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    return "py4j" not in Path(record.pathname).parts
