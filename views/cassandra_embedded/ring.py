"""The nodes of one server, by number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cassandra_embedded.errors import BadOption, NotRunning
from cassandra_embedded.flags import NodePlan
from cassandra_embedded.node import Node
from cassandra_embedded.process import Identity


class Ring:
    """Finds nodes by number, and knows which of them run. Not for use by itself: see ``EmbeddedCassandra``.

    Args:
        size: how many nodes there are, started or not.
        version: the version of Cassandra, for messages.
    """

    def __init__(self, size: int, version: str) -> None:
        self._size = size
        self._version = version
        self._nodes: list[Node] = []

    def form(self, plans: Sequence[NodePlan]) -> None:
        """Make the nodes; starts none."""
        self._nodes = [Node(plan) for plan in plans]

    def get(self, number: int) -> Node:
        """Return a node.

        Raises:
            BadOption: there is none of that number.
            NotRunning: the server was not started.
        """
        if not 1 <= number <= self._size:
            raise BadOption(
                f"there is no node {number}",
                on=f"{self._size} node(s)",
                remains="Nothing was changed",
                next=f"Give a number from 1 to {self._size}",
            )
        if not self._nodes:
            raise self.not_started()
        return self._nodes[number - 1]

    def get_running(self, number: int) -> Node:
        """Return a node that runs; errors as ``get``, and ``NotRunning`` where it does not."""
        node = self.get(number)
        if not node.is_alive():
            raise NotRunning(
                f"node {number} is not running",
                on=node.plan.address,
                remains="The other nodes are as they were",
                next=f"Start it with start_node({number})",
            )
        return node

    def get_process(self, number: int) -> Identity:
        """Return the process of a node that runs; errors as ``get_running``."""
        identity = self.get_running(number).identity
        assert identity is not None
        return identity

    def processes(self) -> tuple[tuple[int, Identity], ...]:
        """Return number and process of the nodes that run."""
        return tuple(
            (node.plan.number, node.identity) for node in self._nodes if node.identity is not None and node.is_alive()
        )

    def log_sizes(self) -> dict[Node, int]:
        """Return how long the log of each node is now, in bytes: what comes after is news."""
        return {node: node.log_size() for node in self._nodes}

    def await_gossip(self, started: Node, before: dict[Node, int], timeout_seconds: float) -> None:
        """Wait until the node and the others see each other, so that any of them answers for all.

        Args:
            before: ``log_sizes`` before the start. The others' logs may say "UP" of an earlier start, too.
        """
        for other in self._nodes:
            if other is not started and other.is_alive():
                for one, two in ((started, other), (other, started)):
                    pattern = rf"/{re.escape(two.plan.address)}:\d+ is now UP"
                    one.await_log(pattern, timeout_seconds, f"see {two.plan.address}", start=before[one])

    def end(self, *, politely: bool) -> None:
        """End all nodes and forget them."""
        for node in self._nodes:
            node.end(politely=politely)
        self._nodes = []

    def not_started(self) -> NotRunning:
        """Return the error of a server that was not started."""
        return NotRunning(
            "this server was not started", on=f"Cassandra {self._version}", next="Use it as a context manager"
        )
