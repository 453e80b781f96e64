"""Running something in a thread while the test looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def in_background(work: Callable[[], None]) -> Iterator[None]:
    """Run ``work`` beside the block, and wait for its end; its error is raised there."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        yield
        future.result(60)
