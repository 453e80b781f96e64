"""Stored checks of the last days: another process continues its assessment from them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cassandra_client.database import Row
from cassandra_healing.model import HealthCheck, MemberId, Observation, ObserverKind, ProbeResult
from cassandra_healing.session import ClusterSession


class CheckHistory:
    """Reads and writes the table ``checks``. A quorum of its replicas knows each check, or it does not count."""

    def __init__(self, session: ClusterSession, keyspace: str, *, keep_hours: float) -> None:
        self._session = session
        self._table = f"{keyspace}.checks"
        self._ttl = int(keep_hours * 3600)

    def write(self, check: HealthCheck) -> None:
        """Store a check; errors as ``ClusterSession.write``."""
        statuses = {node.id.host_id: node.status for node in check.cluster.nodes} if check.cluster else {}
        insert = (
            f"INSERT INTO {self._table} (hour, at, host_id, node, status, results, heartbeats) "
            f"VALUES (%s, %s, %s, %s, %s, %s, %s) USING TTL {self._ttl}"
        )
        rows = []
        for node in check.members():
            seen = check.of(node)
            results = {each.source: f"{each.result}: {each.detail}" for each in seen}
            beats = {
                str(each.by.host_id): f"{each.generation}:{each.heartbeat}"
                for each in seen
                if each.by is not None and each.heartbeat is not None
            }
            status = statuses.get(node.host_id)
            rows.append((insert, (_hour(check.at), check.at, node.host_id, node.address, status, results, beats)))
        self._session.write_together(rows)

    def read(self, since: datetime, until: datetime) -> list[HealthCheck]:
        """Return the checks of a time, the oldest first; errors as ``ClusterSession.rows``."""
        found: dict[datetime, list[Row]] = defaultdict(list)
        hour = since.replace(minute=0, second=0, microsecond=0)
        while hour <= until:
            rows = self._session.rows(
                f"SELECT at, host_id, node, results, heartbeats FROM {self._table} WHERE hour = %s AND at >= %s",
                (_hour(hour), since),
            )
            for row in rows:
                found[row["at"].replace(tzinfo=UTC)].append(row)
            hour += timedelta(hours=1)
        return [HealthCheck(at=at, observations=tuple(_observations(rows))) for at, rows in sorted(found.items())]


def _hour(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d_%H}"


def _observations(rows: list[Row]) -> Iterable[Observation]:
    by_address = {row["node"]: MemberId(host_id=row["host_id"], address=row["node"]) for row in rows}
    for row in rows:
        node = MemberId(host_id=row["host_id"], address=row["node"])
        beats = {uuid.UUID(key): value for key, value in (row["heartbeats"] or {}).items()}
        for source, text in (row["results"] or {}).items():
            observer, _of, address = source.partition(" of ")
            result, _colon, detail = text.partition(": ")
            by = by_address.get(address) if address else None
            generation, _colon, heartbeat = beats.get(by.host_id, "").partition(":") if by else ("", "", "")
            yield Observation(
                node=node,
                observer=ObserverKind(observer),
                result=ProbeResult(result),
                by=by,
                detail=detail,
                generation=int(generation) if generation else None,
                heartbeat=int(heartbeat) if heartbeat else None,
            )
