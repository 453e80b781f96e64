"""What the probes see of a cluster: nodes, observations, health checks. Plain values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

JOINING = ("BOOT", "BOOT_REPLACE")
TOPOLOGY_CHANGES = (*JOINING, "LEAVING", "MOVING")
SHUTDOWN = "shutdown"
"""What gossip says of a node that was stopped in order, or that stopped itself (a disk failure, a full disk)."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class NodeId:
    """One node: its host id, which no other node ever has, and where it is now."""

    host_id: uuid.UUID
    address: str

    def __str__(self) -> str:
        return self.address


class ObserverKind(StrEnum):
    """Which kind of observer probes a node."""

    GOSSIP = "gossip"
    """Another node, by the heartbeats it hears."""
    CQL = "cql"
    """We, by a query."""
    TCP = "tcp"
    """We, by a connection to its port for clients."""
    MACHINE = "machine"
    """Whoever runs the machine: the provider, the service manager."""


class ProbeResult(StrEnum):
    """What an observer makes of a node at one moment."""

    GOOD = "good"
    SLOW = "slow"
    BAD = "bad"
    GONE = "gone"
    """The machine no longer exists."""
    NEUTRAL = "neutral"
    """Says nothing: the observer could not look, or what it saw proves neither life nor death."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One sign of one node by one observer.

    Args:
        by: which node's gossip; None for the other observers.
        detail: what was seen, in words.
        seconds: how long the answer took.
        generation, heartbeat: what the gossip of ``by`` has of the node: when it was started (seconds since
            the epoch), and a number that grows while it lives.
        still_seconds: for how long that number has not grown.
        disk_used_share: how full the machine's data disk is, 0 to 1, where it says so.
    """

    node: NodeId
    observer: ObserverKind
    result: ProbeResult
    by: NodeId | None = None
    detail: str = ""
    seconds: float | None = None
    generation: int | None = None
    heartbeat: int | None = None
    still_seconds: float | None = None
    disk_used_share: float | None = None

    @property
    def source(self) -> str:
        """Name the observer: ``cql``, ``gossip of 10.0.0.2``."""
        return f"{self.observer} of {self.by}" if self.by else str(self.observer)

    def __str__(self) -> str:
        return f"{self.source}: {self.result}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingMember:
    """A member of the ring as its peers describe it.

    Args:
        status: its status in gossip: ``NORMAL``, ``BOOT``, ``LEAVING``, ``MOVING``, ``shutdown``.
        tokens: what it owns; text as the server prints it.
        started_at: when its process was started, as it told its peers; None where nobody knows.
    """

    id: NodeId
    data_center: str
    rack: str
    status: str = "NORMAL"
    tokens: tuple[str, ...] = ()
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicatedKeyspace:
    """A keyspace that holds data, and how it is replicated.

    Args:
        replication: as ``system_schema.keyspaces`` has it, ``class`` among its keys.
    """

    name: str
    replication: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTopology:
    """The cluster at one moment.

    Args:
        schema_versions: of the nodes that live; more than one is a disagreement.
        seeds: addresses of the seeds, as the nodes are configured.
        work: what the nodes are busy with that must not be disturbed, in words: a repair, a stream of data.
        unread: what of all this could not be read, and why.
    """

    name: str = ""
    nodes: tuple[RingMember, ...]
    keyspaces: tuple[ReplicatedKeyspace, ...] = ()
    schema_versions: tuple[str, ...] = ()
    seeds: frozenset[str] = frozenset()
    work: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """All observers at one moment.

    Args:
        cluster: what the nodes said of the cluster; None where none answered, and in kept checks.
    """

    at: datetime
    observations: tuple[Observation, ...]
    cluster: ClusterTopology | None = None

    def of(self, node: NodeId) -> tuple[Observation, ...]:
        """Return what was seen of one node."""
        return tuple(each for each in self.observations if each.node.host_id == node.host_id)

    def nodes(self) -> tuple[NodeId, ...]:
        """Return the nodes that were probed, by address."""
        return tuple(sorted({each.node for each in self.observations}, key=lambda node: node.address))


class HealthVerdict(StrEnum):
    """The health of a node or service, by its check results over time."""

    UP = "up"
    SLOW = "slow"
    """It lives, and answers late or its peers alone."""
    FLAPPING = "flapping"
    """It went away and came back several times."""
    DOWN = "down"
    GONE = "gone"
    """It is down, and its machine no longer exists."""
    UNSEEN = "unseen"
    """Too few observers could reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAssessment:
    """What is made of one node.

    Args:
        since: since when it is so, as far back as checks reach.
        checks: how many checks in a row said so.
        is_settled: it was not down lately, or has been up again for some checks.
        observations: what was seen of it last.
    """

    node: RingMember
    verdict: HealthVerdict
    since: datetime
    checks: int
    is_settled: bool = True
    observations: tuple[Observation, ...] = ()

    @property
    def is_sick(self) -> bool:
        """Tell whether something is wrong with it."""
        return self.verdict in (HealthVerdict.SLOW, HealthVerdict.FLAPPING, HealthVerdict.DOWN, HealthVerdict.GONE)

    @property
    def is_away(self) -> bool:
        """Tell whether it must be taken for not serving, or only cannot be relied on."""
        return self.verdict not in (HealthVerdict.UP, HealthVerdict.SLOW) or not self.is_settled

    @property
    def peers(self) -> str:
        """Say how many peers hear the node, of those that said anything; empty where none did."""
        results = [each.result for each in self.observations if each.observer is ObserverKind.GOSSIP]
        known = [result for result in results if result is not ProbeResult.NEUTRAL]
        return f"{known.count(ProbeResult.GOOD)} of {len(known)} hear it" if known else ""

    def detail_of(self, observer: str) -> str:
        """Return the detail that an observer of ours reported; empty where it did not probe the node."""
        found = next((each for each in self.observations if each.observer == observer), None)
        return "" if found is None else found.detail or found.result.value


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """We reach no majority of the nodes ourselves.

    Args:
        reached: the nodes that answered us.
        is_confirmed: those that answered agree that the others are away, so it may not be us.
        checks: how many checks in a row found it so, and confirmed it.
    """

    reached: tuple[NodeId, ...]
    of: int
    since: datetime
    is_confirmed: bool
    checks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The health of a cluster at one moment.

    Args:
        trouble_since: since when no check has found every node well; None where the last one did. Only a check that
            finds all nodes well ends it, not another kind of trouble, a time without checks or a change of the clock.
    """

    at: datetime
    nodes: tuple[NodeAssessment, ...]
    cluster: ClusterTopology
    cut_off: CutOff | None = None
    trouble_since: datetime | None = None
