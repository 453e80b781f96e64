"""What was read, kept for a short time: a page that a hundred people look at is read once. Safe for threads."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key, each with its own end; the longest unused goes first when there are too many.

    Args:
        most: how many values at once.
        clock: seconds that only grow.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._values: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Value | None:
        """Return the value, or None where there is none any more."""
        with self._lock:
            found = self._values.get(key)
            if found is None or found[0] <= self._clock():
                return None
            self._values.move_to_end(key)
            return found[1]

    def put(self, key: Hashable, value: Value, *, seconds: float) -> Value:
        """Keep a value for so long, and return it."""
        with self._lock:
            self._values[key] = self._clock() + seconds, value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value
