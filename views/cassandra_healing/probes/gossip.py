"""What a node's peers hear of it, from ``system_views.gossip_info`` on each of them.

A heartbeat grows once a second while a node lives, and each peer keeps the highest that it has heard: the same number
everywhere. So a peer proves that a node lives only by a number higher than all before. A peer that merely
catches up (it was restarted itself) proves nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cassandra_client.database import Row
from cassandra_healing.model import (
    SHUTDOWN,
    TOPOLOGY_CHANGES,
    HealthCheck,
    MemberId,
    Observation,
    ObserverKind,
    ProbeResult,
)

GOSSIP_QUERY = (
    'SELECT address, hostname, host_id, generation, heartbeat, status, status_with_port, "schema" '
    "FROM system_views.gossip_info"
)
_Beat = tuple[int, int]
"""Generation and heartbeat."""


@dataclass(slots=True)
class HeartbeatTracker:
    """What was heard until now; makes results of what is heard next.

    Args:
        still_seconds: after so long without growth a heartbeat is a bad result.
    """

    still_seconds: float
    _highest: dict[uuid.UUID, _Beat] = field(default_factory=dict)
    _heard: dict[tuple[uuid.UUID, uuid.UUID], tuple[_Beat, datetime]] = field(default_factory=dict)

    def restore(self, checks: Iterable[HealthCheck]) -> None:
        """Take up what earlier checks heard, the oldest first: another process may have made them."""
        for check in checks:
            for each in check.observations:
                if each.by is None or each.heartbeat is None or each.generation is None:
                    continue
                beat = (each.generation, each.heartbeat)
                known = self._heard.get((each.by.host_id, each.node.host_id))
                if known is None or known[0] != beat:
                    self._heard[each.by.host_id, each.node.host_id] = (beat, check.at)
                self._highest[each.node.host_id] = max(beat, self._highest.get(each.node.host_id, beat))

    def observe(
        self, at: datetime, gossip_rows: Mapping[MemberId, Sequence[Row]], nodes: Sequence[MemberId]
    ) -> list[Observation]:
        """Return the results of every node by every peer that answered.

        Args:
            gossip_rows: the rows of ``GOSSIP_QUERY``, by the peer that answered them.
            nodes: all nodes; of one that a peer does not know it says nothing.
        """
        found = []
        newest_beats: dict[uuid.UUID, _Beat] = {}
        for peer, rows in gossip_rows.items():
            beats = {str(row["host_id"]): (row["generation"] or 0, row["heartbeat"] or 0) for row in rows}
            for node in nodes:
                if node.host_id == peer.host_id:
                    continue
                beat = beats.get(str(node.host_id))
                if beat is None:
                    found.append(_neutral(node, peer, "does not know it"))
                    continue
                found.append(self._observe_node(at, node, peer, beat))
                newest_beats[node.host_id] = max(beat, newest_beats.get(node.host_id, beat))
        for host_id, beat in newest_beats.items():
            self._highest[host_id] = max(beat, self._highest.get(host_id, beat))
        return found

    def observe_unreadable(self, peer: MemberId, why: str, nodes: Sequence[MemberId]) -> list[Observation]:
        """Return the results by a peer that answers queries, and this one not."""
        return [_neutral(node, peer, f"its gossip cannot be read: {why}") for node in nodes if node != peer]

    def _observe_node(self, at: datetime, node: MemberId, peer: MemberId, beat: _Beat) -> Observation:
        key = (peer.host_id, node.host_id)
        last = self._heard.get(key)
        if last is None or last[0] != beat:
            self._heard[key] = (beat, at)
        highest = self._highest.get(node.host_id)
        still_for = (at - last[1]).total_seconds() if last is not None and last[0] == beat else 0.0
        if highest is not None and beat > highest:
            result, detail = ProbeResult.GOOD, f"heartbeat {beat[1]}"
        elif last is None or highest is None:
            result, detail = ProbeResult.NEUTRAL, f"first check, heartbeat {beat[1]}"
        elif still_for >= self.still_seconds:
            result, detail = ProbeResult.BAD, f"heartbeat {beat[1]} has not grown for {still_for:.0f} s"
        elif last[0] == beat or beat < highest:
            result, detail = ProbeResult.NEUTRAL, f"heartbeat {beat[1]}, no news yet"
        else:
            result, detail = ProbeResult.NEUTRAL, f"heartbeat {beat[1]} was heard before"
        return Observation(
            node=node,
            observer=ObserverKind.GOSSIP,
            by=peer,
            result=result,
            detail=detail,
            generation=beat[0],
            heartbeat=beat[1],
            still_seconds=still_for,
        )


def status_of(node: MemberId, gossip_rows: Mapping[MemberId, Sequence[Row]]) -> tuple[str, int]:
    """Return the status of a node in gossip, and when its process was started (seconds since the epoch; 0).

    Of peers that disagree, one that saw a move outweighs the others, then the one with the newest heartbeat.
    """
    newest: tuple[int, int, str] = (0, -1, "")
    moving = ""
    for rows in gossip_rows.values():
        for row in rows:
            if str(row["host_id"]) != str(node.host_id):
                continue
            word = str(row["status_with_port"] or row["status"] or "").partition(",")[0]
            newest = max(newest, (row["generation"] or 0, row["heartbeat"] or 0, word))
            if word in TOPOLOGY_CHANGES:
                moving = word
    word = newest[2]
    return (word if word == SHUTDOWN or not moving else moving), newest[0]


def started_at(generation: int) -> datetime | None:
    """Return when a node's process was started, by its gossip generation."""
    return datetime.fromtimestamp(generation, UTC) if generation > 0 else None


def _neutral(node: MemberId, peer: MemberId, detail: str) -> Observation:
    return Observation(node=node, observer=ObserverKind.GOSSIP, by=peer, result=ProbeResult.NEUTRAL, detail=detail)
