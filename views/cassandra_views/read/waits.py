"""What a read waits for. A read is a generator that yields each wait; its driver sees that the wait is over.

So one read serves threads and event loops: a thread goes on at once, since ``result`` of a wait blocks until it is
over, and an event loop goes on when the wait has told that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from cassandra.cluster import ResponseFuture

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Load(Generic[T]):
    """Something that a reader looks up seldom, by calls of the driver that block.

    Args:
        run: looks it up.
        key: equal for loads that may share one answer; None for a load of its own.

    ``outcome`` is set where it is run elsewhere.
    """

    __slots__ = ("key", "outcome", "run")

    def __init__(self, run: Callable[[], T], key: Hashable = None) -> None:
        self.run = run
        self.key = key
        self.outcome: Future[T] | None = None

    def result(self) -> T:
        """Return what was found; look it up here where nobody else does."""
        return self.run() if self.outcome is None else self.outcome.result()


ReadSteps: TypeAlias = Generator[ResponseFuture | Load[Any], None, T]
"""A read under way. It asks for the ``result`` of a wait only after it was resumed."""


def loaded(load: Load[T]) -> ReadSteps[T]:
    """Wait for a load, and return what it found."""
    yield load
    return load.result()


def run_blocking(steps: ReadSteps[T]) -> T:
    """Carry a read out in this thread."""
    try:
        while True:
            next(steps)  # the read blocks by itself, where it asks for the result
    except StopIteration as end:
        found: T = end.value
        return found
