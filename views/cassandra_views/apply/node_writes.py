"""What nodes say of writes that are on their way: to views, from batches, as hints. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra.util import datetime_from_uuid1

from cassandra_client.database import Answer, Database, Row
from cassandra_views.apply.builds import server_time
from cassandra_views.model.lag import PendingWrites

_METRICS = ("ViewReplicasAttempted", "ViewPendingMutations")
_USUAL_AGE = timedelta(seconds=5)
"""Batches and hints of more than so long ago count, where nothing is promised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeWrites:
    """What every node said of view writes, batches and hints that are on their way.

    Args:
        at: by a server's clock.
        batches, hints: since when each is on its way; None where no node told of any.
    """

    at: datetime
    batches: tuple[datetime, ...] | None
    hints: tuple[datetime, ...] | None
    metrics: Mapping[str, int]
    unasked: tuple[str, ...] = ()

    def pending(self, promise: timedelta | None) -> PendingWrites:
        """Return what matters to a view that promises this."""
        oldest = self.at - (promise or _USUAL_AGE)

        def count(moments: tuple[datetime, ...] | None) -> int | None:
            return None if moments is None else sum(moment <= oldest for moment in moments)

        return PendingWrites(
            old_batches=count(self.batches),
            old_hints=count(self.hints),
            attempted=self.metrics.get("ViewReplicasAttempted"),
            pending=self.metrics.get("ViewPendingMutations"),
            unasked=self.unasked,
        )


def read_node_writes(database: Database) -> NodeWrites:
    """Ask every node for the view writes, batches and hints that are on their way."""
    now = server_time(database)
    batches = database.ask("SELECT id FROM system.batches")
    hints = database.ask("SELECT host_id, oldest FROM system_views.pending_hints")

    def moments(answers: Sequence[Answer], moment: Callable[[Row], datetime | None]) -> tuple[datetime, ...] | None:
        answered = [each for each in answers if each.error is None]
        found = [moment(row) for each in answered for row in each.rows]
        return tuple(each.replace(tzinfo=UTC) for each in found if each is not None) if answered else None

    return NodeWrites(
        at=now,
        batches=moments(batches, lambda row: datetime_from_uuid1(row["id"])),
        hints=moments(hints, lambda row: row["oldest"]),
        metrics=_view_write_metrics(database),
        unasked=tuple(str(each.host.endpoint.address) for each in batches if each.error is not None),
    )


def _view_write_metrics(database: Database) -> dict[str, int]:
    """Return the nodes' own figures of view writes, summed; empty before Cassandra 6.0, which shows them in a table.

    Source: 6.0-alpha2; a scope and the name of a metric make its key.
    """
    keys = ", ".join(f"'org.apache.cassandra.metrics.ClientRequest.{name}.ViewWrite'" for name in _METRICS)
    query = f"SELECT name, value FROM system_metrics.client_request_group WHERE name IN ({keys})"
    found: dict[str, int] = {}
    for answer in database.ask(query):
        for row in answer.rows:
            name = row["name"].split(".")[-2]
            found[name] = found.get(name, 0) + int(row["value"])
    return found


__all__ = ["NodeWrites", "read_node_writes"]
