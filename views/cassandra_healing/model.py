"""What is watched, what is seen of it, what is made of that, and what was done about it. Plain values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

JOINING = ("BOOT", "BOOT_REPLACE")
TOPOLOGY_CHANGES = (*JOINING, "LEAVING", "MOVING")
SHUTDOWN = "shutdown"
"""What gossip says of a node that was stopped in order, or that stopped itself (a disk failure, a full disk)."""


CLUSTER = "cluster"
"""The target of all nodes together: one restart or replacement at a time. Each service is a target of its own."""

_SERVICES = uuid.UUID("0c1b5c3e-7f0e-5d2a-9a53-6c1f5d1f7e21")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MemberId:
    """One watched member: a node by its host id, which no other node ever has, and its address; or a service.

    Args:
        host_id: of a service, made of its name.
        address: where a node is now; a service's name.
    """

    host_id: uuid.UUID
    address: str

    @classmethod
    def of_service(cls, name: str) -> Self:
        """Return the id of a service."""
        return cls(host_id=uuid.uuid5(_SERVICES, f"service {name}"), address=name)

    @property
    def is_service(self) -> bool:
        """Tell whether it is a service, not a node."""
        return self.host_id.version == 5 and self == MemberId.of_service(self.address)

    @property
    def target(self) -> str:
        """Return what an operation on it holds: the whole cluster, or this service alone."""
        return f"service {self.address}" if self.is_service else CLUSTER

    def __str__(self) -> str:
        return self.address


class ObserverKind(StrEnum):
    """Which kind of observer probes a node or service."""

    GOSSIP = "gossip"
    """Another node, by the heartbeats it hears."""
    CQL = "cql"
    """We, by a query."""
    TCP = "tcp"
    """We, by a connection to its port for clients."""
    MACHINE = "machine"
    """Whoever runs the machine: the provider, the service manager."""
    SPARK_MASTER = "spark-master"
    """A Spark master's own page."""
    SPARK_WORKER = "spark-worker"
    """A Spark worker's master, by its page."""
    HEARTBEAT = "heartbeat"
    """The age of what a service wrote last into Cassandra."""
    PROBE = "probe"
    """A command."""


WORK_OBSERVERS = frozenset(
    (ObserverKind.SPARK_MASTER, ObserverKind.SPARK_WORKER, ObserverKind.HEARTBEAT, ObserverKind.PROBE)
)
"""Those that tell whether a service does its work."""


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
    """What one observer sees of one node or service.

    Args:
        by: which node's gossip; None for the other observers.
        detail: what was seen, in words.
        seconds: how long the answer took.
        generation, heartbeat: what the gossip of ``by`` has of the node: when it was started (seconds since
            the epoch), and a number that grows while it lives.
        still_seconds: for how long that number has not grown.
        disk_used_share: how full the machine's data disk is, 0 to 1, where it says so.
    """

    node: MemberId
    observer: ObserverKind
    result: ProbeResult
    by: MemberId | None = None
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
class WatchedMember:
    """A member of the ring as its peers describe it, or a service, which has its id alone.

    Args:
        status: its status in gossip: ``NORMAL``, ``BOOT``, ``LEAVING``, ``MOVING``, ``shutdown``.
        tokens: what it owns; text as the server prints it.
        started_at: when its process was started, as it told its peers; None where nobody knows.
    """

    id: MemberId
    data_center: str = ""
    rack: str = ""
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
    nodes: tuple[WatchedMember, ...]
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

    def of(self, node: MemberId) -> tuple[Observation, ...]:
        """Return what was seen of one node."""
        return tuple(each for each in self.observations if each.node.host_id == node.host_id)

    def members(self) -> tuple[MemberId, ...]:
        """Return the nodes and services that were probed, by address and name."""
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
class MemberAssessment:
    """What is made of one node or service.

    Args:
        since: since when it is so, as far back as checks reach.
        checks: how many checks in a row said so.
        is_settled: it was not down lately, or has been up again for some checks.
        observations: what was seen of it last.
        trouble_since: of a service, since when no check found it at work; None where the last one did.
    """

    node: WatchedMember
    verdict: HealthVerdict
    since: datetime
    checks: int
    is_settled: bool = True
    observations: tuple[Observation, ...] = ()
    trouble_since: datetime | None = None

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

    reached: tuple[MemberId, ...]
    of: int
    since: datetime
    is_confirmed: bool
    checks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The health of a cluster, and of the services beside it, at one moment.

    Args:
        services: those that the last check probed.
        trouble_since: since when no check has found every node well; None where the last one did. Only a check that
            finds all nodes well ends it, not another kind of trouble, a time without checks or a change of the clock.
    """

    at: datetime
    nodes: tuple[MemberAssessment, ...]
    cluster: ClusterTopology
    cut_off: CutOff | None = None
    trouble_since: datetime | None = None
    services: tuple[MemberAssessment, ...] = ()

    def find_service(self, name: str) -> MemberAssessment | None:
        """Return what is made of a service; None where it was not probed."""
        return next((each for each in self.services if each.node.id.address == name), None)


class HealingAction(StrEnum):
    """What can be decided."""

    WAIT = "wait"
    RESTART = "restart"
    REPLACE = "replace"
    PAGE = "page"


class OperationOutcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """A person refused it, or nobody answered."""
    WITHDRAWN = "withdrawn"
    """What it was for no longer held before anything was done."""

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing was done to the node."""
        return self in (OperationOutcome.REFUSED, OperationOutcome.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A restart or a replacement that was begun.

    Args:
        ended_at, outcome: None while it is under way.
    """

    id: uuid.UUID
    act: HealingAction
    node: MemberId
    begun_at: datetime
    ended_at: datetime | None = None
    outcome: OperationOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNote:
    """The note of an operator on the kill switch, or on a skipped node or service."""

    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """The journal, as far as a decision depends on it.

    Args:
        stopped: the kill switch; None where healing is on.
        skips: nodes and services that are left alone, by host id.
        operations: those that are under way, and those of the last days.
        is_readable: false where the journal could not be read: then nothing is done.
    """

    stopped: OperatorNote | None = None
    skips: Mapping[uuid.UUID, OperatorNote] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    is_readable: bool = True

    def of(self, target: str) -> Self:
        """Return the same with the operations of one target alone (see ``MemberId.target``)."""
        return replace(self, operations=tuple(each for each in self.operations if each.node.target == target))

    @property
    def under_way(self) -> Operation | None:
        """Return the operation that has begun and not ended."""
        return next((each for each in self.operations if each.outcome is None), None)

    @property
    def all_under_way(self) -> tuple[Operation, ...]:
        """Return the operations that have begun and not ended, of every target."""
        return tuple(each for each in self.operations if each.outcome is None)

    def last(self, act: HealingAction, node: MemberId, since: datetime) -> Operation | None:
        """Return the newest operation of a kind on a node that was begun since a moment, and not withdrawn."""
        found = [
            each
            for each in self._of(act, node)
            if each.begun_at >= since and each.outcome is not OperationOutcome.WITHDRAWN
        ]
        return max(found, key=lambda operation: operation.begun_at, default=None)

    def restarts(self, node: MemberId, now: datetime) -> int:
        """Return how often a node was restarted within the last 24 hours."""
        return sum(_counts(each, now) for each in self._of(HealingAction.RESTART, node))

    def replacements(self, now: datetime) -> int:
        """Return how many replacements were done within the last 24 hours, or begun to be."""
        return sum(each.act is HealingAction.REPLACE and _counts(each, now) for each in self.operations)

    def _of(self, act: HealingAction, node: MemberId) -> tuple[Operation, ...]:
        return tuple(each for each in self.operations if each.act is act and each.node.host_id == node.host_id)


def _counts(operation: Operation, now: datetime) -> bool:
    return not (operation.outcome and operation.outcome.is_idle) and now - operation.begun_at < timedelta(hours=24)
