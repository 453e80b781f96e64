"""Which readings are due: pure, told the time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import UTC, datetime

from followers.track import LATEST_SECONDS, Reading, Track

CATCH_UP_SECONDS = 300
"""After a longer pause the feed goes on from here: a laptop that slept a night would write for hours."""


class Schedule:
    """Hands out each reading once, when it arrives.

    Begins with what arrives from ``start`` on, readings of earlier seconds that are late included:
    together with a history up to the same moment nothing is missing and nothing is there twice.
    """

    def __init__(self, tracks: Sequence[Track], start: datetime) -> None:
        self._tracks = tracks
        self._waiting: list[tuple[float, int, Reading]] = []
        self._numbered = 0
        self.next_second = int(start.timestamp())
        self.skipped = 0
        for second in range(self.next_second - LATEST_SECONDS, self.next_second):
            self._expect(second, arriving_from=self.next_second)

    def due(self, now: datetime) -> list[Reading]:
        """Return what has arrived until now and was not returned before, in the order of arrival."""
        moment = now.timestamp()
        oldest = int(moment) - CATCH_UP_SECONDS
        if self.next_second < oldest:
            self.skipped += (oldest - self.next_second) * len(self._tracks)
            self.next_second = oldest
        for second in range(self.next_second, int(moment) + 1):
            self._expect(second, arriving_from=second)
            self.next_second = second + 1
        found = []
        while self._waiting and self._waiting[0][0] <= moment:
            found.append(heapq.heappop(self._waiting)[2])
        return found

    def _expect(self, second: int, *, arriving_from: int) -> None:
        for track in self._tracks:
            reading = track.find_reading(second)
            if reading and reading.arrives >= arriving_from:
                self._numbered += 1
                heapq.heappush(self._waiting, (reading.arrives, self._numbered, reading))


def reading_time(reading: Reading) -> datetime:
    """Return the moment that the reading is of."""
    return datetime.fromtimestamp(reading.second, tz=UTC)
