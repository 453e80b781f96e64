"""A reader that does not stop: what an application would see while a view is refreshed."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from cassandra.cluster import Session

from cassandra_views import ViewReader, ViewsError

READS = (
    ("unified_day_view", timedelta(days=2), "%Y-%m-%d"),
    ("unified_minute_view", timedelta(minutes=30), "%Y-%m-%d_%H-%M"),
)


class DemoReader:
    """Reads two views over and over in a thread, and counts what fails or comes back empty."""

    def __init__(self, session: Session, now: datetime, *, pause_seconds: float = 0.005) -> None:
        self._reader = ViewReader(session, cache_seconds=1.0)
        self._reads = [(view, f"{now - back:{format}}") for view, back, format in READS]
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-reader", daemon=True)
        self.reads = self.failed = self.empty = 0
        self.longest_seconds = 0.0
        self.first_problem = ""
        self.generations: dict[str, None] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def summary(self) -> str:
        """Return what was seen, in a sentence without its end."""
        return (
            f"{self.reads:,} reads, {self.failed} failed, {self.empty} empty, longest "
            f"{self.longest_seconds * 1000:.0f} ms, from {', '.join(self.generations)}"
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            for view, moment in self._reads:
                self._read(view, moment)
            self._stop.wait(self._pause)

    def _read(self, view: str, moment: str) -> None:
        begun = time.perf_counter()
        self.reads += 1
        try:
            found = self._reader.select(view, timestamp=moment, limit=10)
        except ViewsError as error:
            self.failed += 1
            self.first_problem = self.first_problem or str(error)
            return
        if not found.rows:
            self.empty += 1
            self.first_problem = self.first_problem or f"no row in {', '.join(found.generations)} for {moment}"
        self.generations.update(dict.fromkeys(found.generations))
        self.longest_seconds = max(self.longest_seconds, time.perf_counter() - begun)
