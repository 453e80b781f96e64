"""Looks over time in, the health of each node out. Pure: the same looks always come to the same.

A node is dead at a moment where enough observers say so, some of its peers among them, and nobody says that it
lives. Any good sign ends that at once. Looks are taken in the order in which they were made: a clock that was set
back, and a long time without a look, begin everything anew.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from cassandra_healing.model import (
    JOINING,
    Assessment,
    ClusterTopology,
    CutOff,
    HealthCheck,
    HealthState,
    NodeAssessment,
    NodeId,
    Observation,
    ObserverKind,
    ProbeResult,
    RingMember,
)
from cassandra_healing.policy import Policy


class _NodeResult(Enum):
    """All signs of one node in one look, put together."""

    GOOD = auto()
    SLOW = auto()
    BAD = auto()
    GONE = auto()
    UNSURE = auto()


def assess(looks: Sequence[HealthCheck], policy: Policy) -> Assessment:
    """Judge a cluster by its looks, the oldest first.

    Raises:
        ValueError: there is no look, or none that says which nodes there are.
    """
    last = looks[-1]
    cluster = next((look.cluster for look in reversed(looks) if look.cluster is not None), None)
    if cluster is None:
        cluster = ClusterTopology(
            nodes=tuple(RingMember(id=node, data_center="", rack="", status="") for node in _all_nodes(looks))
        )
    sights = _results_by_check(looks, cluster, policy)
    return Assessment(
        at=last.at,
        nodes=tuple(_assess_node(node, looks, sights, policy) for node in cluster.nodes),
        cluster=cluster,
        cut_off=_cut_off(looks, cluster, policy),
        trouble_since=_trouble_since(looks, sights, cluster),
    )


def _all_nodes(looks: Sequence[HealthCheck]) -> tuple[NodeId, ...]:
    found = next((look.nodes() for look in reversed(looks) if look.observations), ())
    if not found:
        raise ValueError("no look says which nodes there are")
    return found


def _results_by_check(
    looks: Sequence[HealthCheck], cluster: ClusterTopology, policy: Policy
) -> list[dict[NodeId, _NodeResult]]:
    """Return what each look saw of each member; nothing where a node was no member yet."""
    known: set[NodeId] = set()
    found = []
    for look in looks:
        seen = {}
        reached, is_all_slow = _reached(look), _is_all_slow(look)
        by_node: dict[uuid.UUID, list[Observation]] = defaultdict(list)
        for each in look.observations:
            by_node[each.node.host_id].append(each)
        for node in cluster.nodes:
            if observations := by_node.get(node.id.host_id):
                known.add(node.id)
                seen[node.id] = _combine(observations, policy, is_reached=bool(reached), is_all_slow=is_all_slow)
            elif node.id in known:
                seen[node.id] = _NodeResult.UNSURE
        found.append(seen)
    return found


def _combine(
    observations: Sequence[Observation], policy: Policy, *, is_reached: bool, is_all_slow: bool
) -> _NodeResult:
    cql = next((each for each in observations if each.observer is ObserverKind.CQL), None)
    is_heard = any(each.observer is ObserverKind.GOSSIP and each.sign is ProbeResult.GOOD for each in observations)
    if cql is not None and cql.sign is ProbeResult.SLOW:
        return _NodeResult.GOOD if is_all_slow else _NodeResult.SLOW
    if cql is not None and cql.sign is ProbeResult.GOOD:
        return _NodeResult.GOOD
    if is_heard:  # it lives; that it does not answer us is its own doing where others do
        return _NodeResult.SLOW if cql is not None and cql.sign is ProbeResult.BAD and is_reached else _NodeResult.GOOD
    dead = [each for each in observations if each.sign in (ProbeResult.BAD, ProbeResult.GONE)]
    if len(dead) >= policy.observers and any(each.observer is ObserverKind.GOSSIP for each in dead):
        return _NodeResult.GONE if any(each.sign is ProbeResult.GONE for each in dead) else _NodeResult.BAD
    return _NodeResult.UNSURE


def _reached(look: HealthCheck) -> tuple[NodeId, ...]:
    found = (
        each.node
        for each in look.observations
        if each.observer is ObserverKind.CQL and each.sign in (ProbeResult.GOOD, ProbeResult.SLOW)
    )
    return tuple(sorted(found))


def _is_all_slow(look: HealthCheck) -> bool:
    """Tell whether every node that answers is slow: then it is us, or the way there."""
    signs = [
        each.sign
        for each in look.observations
        if each.observer is ObserverKind.CQL and each.sign is not ProbeResult.BAD
    ]
    return len(signs) > 1 and all(sign is ProbeResult.SLOW for sign in signs)


@dataclass(slots=True)
class _NodeHistory:
    """How one node fared, look by look."""

    kind: _NodeResult | None = None
    """GOOD, SLOW, or BAD (GONE too), since ``since``."""
    since: datetime | None = None
    looks: int = 0
    last_at: datetime | None = None
    last_sight: _NodeResult = _NodeResult.UNSURE
    unsure_since: datetime | None = None
    flaps: list[datetime] = field(default_factory=list)
    was_bad: bool = False
    good_looks: int = 0

    def add(self, at: datetime, sight: _NodeResult) -> None:
        self.last_sight = sight
        if sight is _NodeResult.UNSURE:
            self.unsure_since = self.unsure_since or at
            return
        self.unsure_since = None
        kind = _NodeResult.BAD if sight is _NodeResult.GONE else sight
        if kind is not self.kind:
            if kind is _NodeResult.BAD and self.kind is not None:
                self.flaps.append(at)
            self.kind, self.since, self.looks = kind, at, 0
        self.looks += 1
        self.last_at = at
        self.good_looks = 0 if kind is _NodeResult.BAD else self.good_looks + 1
        self.was_bad = self.was_bad or kind is _NodeResult.BAD

    def forget(self) -> None:
        """Begin anew: nobody knows what was in between."""
        self.kind, self.since, self.looks, self.good_looks = None, None, 0, 0


def _assess_node(
    node: RingMember, looks: Sequence[HealthCheck], sights: Sequence[Mapping[NodeId, _NodeResult]], policy: Policy
) -> NodeAssessment:
    tale = _NodeHistory()
    gap = timedelta(minutes=policy.gap_minutes)
    before: datetime | None = None
    for look, seen in zip(looks, sights, strict=True):
        if before is not None and not timedelta() <= look.at - before <= gap:
            tale.forget()
        if tale.last_at is not None and look.at - tale.last_at > gap:
            tale.forget()
        before = look.at
        if node.id in seen:
            tale.add(look.at, seen[node.id])
    now = looks[-1].at
    flaps = [at for at in tale.flaps if timedelta() <= now - at <= timedelta(minutes=policy.flap_minutes)]
    is_flapping = len(flaps) >= policy.flaps
    since = tale.since or now
    match tale.kind:
        case _NodeResult.BAD if is_flapping and not is_grace_over(now - since, tale.looks, policy):
            verdict = HealthState.FLAPPING
        case _NodeResult.BAD:
            verdict = HealthState.GONE if tale.last_sight is _NodeResult.GONE else HealthState.DOWN
        case None:
            verdict = HealthState.UNSEEN
        case _ if is_flapping:
            verdict = HealthState.FLAPPING
        case _NodeResult.SLOW:
            verdict = HealthState.SLOW
        case _:
            verdict = HealthState.UNSEEN if tale.last_sight is _NodeResult.UNSURE else HealthState.UP
    if verdict is HealthState.UNSEEN:
        since = min(tale.unsure_since or now, now)
    return NodeAssessment(
        node=node,
        verdict=verdict,
        since=flaps[0] if verdict is HealthState.FLAPPING else since,
        looks=tale.looks,
        is_settled=not tale.was_bad or tale.good_looks >= policy.settle_looks,
        observations=looks[-1].of(node.id),
    )


def _trouble_since(
    looks: Sequence[HealthCheck], sights: Sequence[Mapping[NodeId, _NodeResult]], cluster: ClusterTopology
) -> datetime | None:
    """Return since when no look found all nodes well.

    Backward jumps of the clock count as no time, so the moment is that far before the last look.
    """
    members = {node.id.host_id for node in cluster.nodes}
    span: timedelta | None = None
    before: datetime | None = None
    for look, seen in zip(looks, sights, strict=True):
        reached = sum(node.host_id in members for node in _reached(look))
        is_well = reached > len(members) // 2 and all(
            _is_well(node, seen[node.id]) for node in cluster.nodes if node.id in seen
        )
        if is_well:
            span = None
        elif span is None:
            span = timedelta()
        elif before is not None:
            span += max(timedelta(), look.at - before)
        before = look.at
    return None if span is None else looks[-1].at - span


def _is_well(node: RingMember, sight: _NodeResult) -> bool:
    """Tell whether nothing is wrong with a node; one that joins need not answer clients yet."""
    return sight is _NodeResult.GOOD or (sight is _NodeResult.SLOW and node.status in JOINING)


def is_grace_over(span: timedelta, looks: int, policy: Policy) -> bool:
    """Tell whether the grace is over: in looks and in minutes."""
    return looks >= policy.grace_looks and span >= timedelta(minutes=policy.grace_minutes)


def _cut_off(looks: Sequence[HealthCheck], cluster: ClusterTopology, policy: Policy) -> CutOff | None:
    members = {node.id.host_id for node in cluster.nodes}
    found: CutOff | None = None
    before: datetime | None = None
    for look in looks:
        reached = tuple(node for node in _reached(look) if node.host_id in members)
        if len(reached) > len(members) // 2:
            found, before = None, None
            continue
        is_confirmed = bool(reached) and _agree(look, reached, cluster)
        goes_on = found is not None and before is not None and look.at - before <= timedelta(minutes=policy.gap_minutes)
        found = CutOff(
            reached=reached,
            of=len(members),
            since=found.since if found is not None and goes_on else look.at,
            is_confirmed=is_confirmed,
            looks=(found.looks if found is not None and goes_on and is_confirmed else 0) + 1,
        )
        before = look.at
    return found


def _agree(look: HealthCheck, reached: Sequence[NodeId], cluster: ClusterTopology) -> bool:
    """Tell whether those that answer us call all others dead."""
    there = {node.host_id for node in reached}
    for node in cluster.nodes:
        if node.id.host_id in there:
            continue
        heard = [
            each
            for each in look.of(node.id)
            if each.observer is ObserverKind.GOSSIP and each.sign is not ProbeResult.NEUTRAL
        ]
        if not heard or any(each.sign is ProbeResult.GOOD for each in heard):
            return False
    return True
