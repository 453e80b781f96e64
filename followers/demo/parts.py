"""The demo's parts that are no child process of its own making: the embedded Cassandra and the feed."""

from __future__ import annotations

from collections.abc import Callable

from cassandra_embedded import EmbeddedCassandra
from followers.feed import Feed

_TAIL_LINES = 12


class CassandraPart:
    """The embedded Cassandra, of one node.

    Args:
        on_restart: called when its new process runs.
    """

    name = "Cassandra"
    can_restart = True

    def __init__(self, server: EmbeddedCassandra) -> None:
        self._server = server
        self._folder = server.folder
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def log(self) -> str:
        """Return where its log is."""
        return str(self._folder / "node1" / "logs" / "system.log")

    def find_end(self) -> str:
        """Return that its process has ended; empty while it runs."""
        return "" if self._server.is_running(1) else f"on {self._server.contact_points[0]}:{self._server.port} ended"

    def last_lines(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(f"  {line}" for line in self._server.log_tail(1, _TAIL_LINES).splitlines()[-_TAIL_LINES:])

    def restart(self) -> None:
        """Start it again on its data; raises an EmbeddedError where it does not answer."""
        self._server.start_node(1)
        self.on_restart()


class FeedPart:
    """The thread that writes readings."""

    name = "the feed"
    log = ""
    can_restart = True

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def find_end(self) -> str:
        """Return that it has ended; empty while it writes."""
        return "" if self._feed.is_running else "ended by itself"

    def last_lines(self) -> str:
        """Return the error that ended it."""
        return f"  {self._feed.error!r}" if self._feed.error else "  (none)"

    def restart(self) -> None:
        """Start it again from now on."""
        self._feed.start()
