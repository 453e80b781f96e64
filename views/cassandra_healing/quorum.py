"""Which token ranges would lose their quorum if nodes were away. Pure; replicas are placed by the driver's own code."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cassandra.metadata import ReplicationFactor, ReplicationStrategy

from cassandra_healing.model import ReplicatedKeyspace, WatchedMember


@dataclass(frozen=True, slots=True)
class _Host:
    """A node in the words of the driver's metadata."""

    host_id: uuid.UUID
    datacenter: str
    rack: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumRisk:
    """A keyspace in which ranges would lose their quorum.

    Args:
        data_center: where; empty where the keyspace knows no data centres.
        ranges: how many of them, of so many in the ring.
        replicas: as many as live copies the worst range keeps, of as many as it needs.
    """

    keyspace: str
    data_center: str
    ranges: int
    of: int
    replicas: int
    needed: int

    def __str__(self) -> str:
        location = f" in {self.data_center}" if self.data_center else ""
        return (
            f"{self.keyspace}{location}: {self.ranges} of {self.of} token ranges keep {self.replicas} of the "
            f"{self.needed} replicas that a quorum needs"
        )


def find_quorum_risks(
    nodes: Sequence[WatchedMember], keyspaces: Iterable[ReplicatedKeyspace], away: Collection[uuid.UUID]
) -> tuple[QuorumRisk, ...]:
    """Return the keyspaces in which some range has no LOCAL_QUORUM without the nodes that are away.

    A keyspace whose strategy is not known counts as one in which every range is at stake.

    Args:
        away: the host ids of nodes that do not serve, or may cease to.
    """
    owners = {
        token: _Host(node.id.host_id, node.data_center, node.rack)
        for node in nodes
        for token in map(_number, node.tokens)
    }
    ring = sorted(owners)
    found: list[QuorumRisk] = []
    for keyspace in keyspaces:
        strategy, factors = _strategy(keyspace)
        placed = strategy.make_token_replica_map(owners, ring) if strategy is not None else {}
        if not placed:
            found.append(QuorumRisk(keyspace=keyspace.name, data_center="", ranges=1, of=1, replicas=0, needed=1))
            continue
        for data_center, factor in factors.items():
            needed = factor // 2 + 1
            left = [
                sum(
                    host.host_id not in away and (not data_center or host.datacenter == data_center)
                    for host in placed[token]
                )
                for token in ring
            ]
            short = [count for count in left if count < needed]
            if short:
                found.append(
                    QuorumRisk(
                        keyspace=keyspace.name,
                        data_center=data_center,
                        ranges=len(short),
                        of=len(ring),
                        replicas=min(short),
                        needed=needed,
                    )
                )
    return tuple(found)


def find_few_replicas(
    node: WatchedMember, keyspaces: Iterable[ReplicatedKeyspace], *, fewest: int = 3
) -> tuple[str, ...]:
    """Return the keyspaces of which a node may hold data with fewer replicas, as ``name (1 replica)``."""
    found = []
    for keyspace in keyspaces:
        _strategy_of, factors = _strategy(keyspace)
        factor = factors.get("", factors.get(node.data_center, 0))
        if 0 < factor < fewest:
            found.append(f"{keyspace.name} ({factor} replica{'s' if factor > 1 else ''})")
    return tuple(found)


def _number(token: str) -> int:
    return int(token)


def _strategy(keyspace: ReplicatedKeyspace) -> tuple[ReplicationStrategy | None, Mapping[str, int]]:
    """Return the strategy and how many full replicas it keeps by data centre ("" for all of them)."""
    options = {key: value for key, value in keyspace.replication.items() if key != "class"}
    name = keyspace.replication.get("class", "")
    strategy = ReplicationStrategy.create(name, options)
    if name.endswith("SimpleStrategy"):
        return strategy, {"": _factor(options.get("replication_factor", "0"))}
    if name.endswith("NetworkTopologyStrategy"):
        return strategy, {dc: count for dc, value in options.items() if (count := _factor(value))}
    return None, {}


def _factor(text: str) -> int:
    try:
        return int(ReplicationFactor.create(text).full_replicas)
    except ValueError:
        return 0
