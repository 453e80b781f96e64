"""What nodes say of writes that are on their way: to views, from batches, as hints. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra.pool import Host
from cassandra.util import datetime_from_uuid1

from cassandra_client.database import Answer, Database, Row
from cassandra_views.apply.builds import server_time
from cassandra_views.model.lag import PendingWrites

_METRICS = ("ViewReplicasAttempted", "ViewPendingMutations")
_USUAL_AGE = timedelta(seconds=5)
"""Batches and hints of more than so long ago count, where nothing is promised."""


_MOST_BATCHES = 1000
"""More rows of a node's batches are not read: they come in no order, and a node that is behind holds millions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWrites:
    """What every node said of view writes, batches and hints that are on their way.

    Args:
        at: by a server's clock.
        batches, hints: since when each is on its way; None where no node told of any.
        are_more_batches: some node holds more than were read.
    """

    at: datetime
    batches: tuple[datetime, ...] | None
    hints: tuple[datetime, ...] | None
    metrics: Mapping[str, int]
    are_more_batches: bool = False
    unasked: tuple[str, ...] = ()
    unasked_hints: tuple[str, ...] = ()

    def pending(self, promise: timedelta | None) -> PendingWrites:
        """Return what matters to a view that promises this."""
        oldest = self.at - (promise or _USUAL_AGE)

        def count(moments: tuple[datetime, ...] | None) -> int | None:
            return None if moments is None else sum(moment <= oldest for moment in moments)

        return PendingWrites(
            old_batches=count(self.batches),
            are_more_batches=self.are_more_batches,
            old_hints=count(self.hints),
            attempted=self.metrics.get("ViewReplicasAttempted"),
            pending=self.metrics.get("ViewPendingMutations"),
            unasked=self.unasked,
            unasked_hints=self.unasked_hints,
        )


def read_node_writes(
    database: Database, hosts: Sequence[Host] | None = None, *, timeout_seconds: float = 5.0
) -> NodeWrites:
    """Ask nodes for the view writes, batches and hints that are on their way.

    Args:
        hosts: those to ask; None asks all. The others are among those that did not tell.
    """
    now = server_time(database)
    query = f"SELECT id FROM system.batches LIMIT {_MOST_BATCHES + 1}"
    batches = database.ask(query, hosts, timeout_seconds=timeout_seconds)
    hints = database.ask(
        "SELECT host_id, oldest FROM system_views.pending_hints", hosts, timeout_seconds=timeout_seconds
    )
    metrics = _view_write_metrics(database, hosts, timeout_seconds)
    return find_node_writes(now, batches, hints, metrics, [each.endpoint.address for each in database.hosts()])


def find_node_writes(
    at: datetime, batches: Sequence[Answer], hints: Sequence[Answer], metrics: Mapping[str, int], known: Iterable[str]
) -> NodeWrites:
    """Make of the nodes' answers what is known. Pure.

    Args:
        known: the addresses of all nodes.
    """
    known = [str(each) for each in known]

    def moments(answers: Sequence[Answer], moment: Callable[[Row], datetime | None]) -> tuple[datetime, ...] | None:
        answered = [each for each in answers if each.error is None]
        found = [moment(row) for each in answered for row in each.rows[:_MOST_BATCHES]]
        return tuple(each.replace(tzinfo=UTC) for each in found if each is not None) if answered else None

    def silent(answers: Sequence[Answer]) -> tuple[str, ...]:
        answered = {str(each.host.endpoint.address) for each in answers if each.error is None}
        return tuple(each for each in known if each not in answered)

    return NodeWrites(
        at=at,
        batches=moments(batches, lambda row: datetime_from_uuid1(row["id"])),
        hints=moments(hints, lambda row: row["oldest"]),
        metrics=metrics,
        are_more_batches=any(len(each.rows) > _MOST_BATCHES for each in batches),
        unasked=silent(batches),
        unasked_hints=silent(hints),
    )


def _view_write_metrics(database: Database, hosts: Sequence[Host] | None, timeout_seconds: float) -> dict[str, int]:
    """Return the nodes' own figures of view writes, summed; empty before Cassandra 6.0, which shows them in a table.

    Source: 6.0-alpha2; a scope and the name of a metric make its key.
    """
    keys = ", ".join(f"'org.apache.cassandra.metrics.ClientRequest.{name}.ViewWrite'" for name in _METRICS)
    query = f"SELECT name, value FROM system_metrics.client_request_group WHERE name IN ({keys})"
    found: dict[str, int] = {}
    for answer in database.ask(query, hosts, timeout_seconds=timeout_seconds):
        for row in answer.rows:
            name = row["name"].split(".")[-2]
            found[name] = found.get(name, 0) + int(row["value"])
    return found


__all__ = ["NodeWrites", "find_node_writes", "read_node_writes"]
