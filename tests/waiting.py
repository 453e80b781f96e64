"""Waiting for something that comes by itself, or else failing."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Look every 20 ms whether it is so; fail when it is not in time."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)
