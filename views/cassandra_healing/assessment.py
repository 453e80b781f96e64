"""Assess the health of each node and service by its checks over time. Pure: the same checks give the same result.

A node is dead at a moment where enough observers say so, some of its peers among them, and nobody says that it
lives. A service is down where it is not found at work. Any good result ends that at once. Checks are taken in the
order in which they were made: a clock that was set back, and a long time without a check, start everything over.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Self

from cassandra_healing.model import (
    JOINING,
    WORK_OBSERVERS,
    Assessment,
    ClusterTopology,
    CutOff,
    HealthCheck,
    HealthVerdict,
    MemberAssessment,
    MemberId,
    Observation,
    ObserverKind,
    ProbeResult,
    WatchedMember,
)
from cassandra_healing.policy import Policy, ServicePolicy


class _MemberResult(Enum):
    """All results of one node or service in one check, put together."""

    GOOD = auto()
    SLOW = auto()
    BAD = auto()
    GONE = auto()
    UNSURE = auto()


def assess(checks: Sequence[HealthCheck], policy: Policy) -> Assessment:
    """Assess a cluster, and the services that the last check probed, by their checks, oldest first.

    Raises:
        ValueError: there is no check, or none that says which nodes there are.
    """
    last = checks[-1]
    services = tuple(WatchedMember(id=each, status="") for each in last.members() if each.is_service)
    cluster = next((check.cluster for check in reversed(checks) if check.cluster is not None), None)
    if cluster is None:
        cluster = ClusterTopology(nodes=tuple(WatchedMember(id=node, status="") for node in _all_nodes(checks)))
    results = _results_by_check(checks, (*cluster.nodes, *services), policy)
    return Assessment(
        at=last.at,
        nodes=tuple(_assess_node(node, checks, results, policy) for node in cluster.nodes),
        cluster=cluster,
        cut_off=_cut_off(checks, cluster, policy),
        trouble_since=_trouble_since(checks, _wellness(checks, results, cluster)),
        services=tuple(_assess_service(each, checks, results, policy) for each in services),
    )


def _all_nodes(checks: Sequence[HealthCheck]) -> tuple[MemberId, ...]:
    members = next((check.members() for check in reversed(checks) if check.observations), ())
    found = tuple(each for each in members if not each.is_service)
    if not found:
        raise ValueError("no check says which nodes there are")
    return found


def _results_by_check(
    checks: Sequence[HealthCheck], members: Sequence[WatchedMember], policy: Policy
) -> list[dict[MemberId, _MemberResult]]:
    """Return what each check saw of each member; nothing where a node was no member yet."""
    known: set[MemberId] = set()
    found = []
    for check in checks:
        seen = {}
        reached, is_all_slow = _reached(check), _is_all_slow(check)
        by_node: dict[uuid.UUID, list[Observation]] = defaultdict(list)
        for each in check.observations:
            by_node[each.node.host_id].append(each)
        for node in members:
            if observations := by_node.get(node.id.host_id):
                known.add(node.id)
                seen[node.id] = (
                    _combine_service(observations)
                    if node.id.is_service
                    else _combine(observations, policy, is_reached=bool(reached), is_all_slow=is_all_slow)
                )
            elif node.id in known:
                seen[node.id] = _MemberResult.UNSURE
        found.append(seen)
    return found


def _combine(
    observations: Sequence[Observation], policy: Policy, *, is_reached: bool, is_all_slow: bool
) -> _MemberResult:
    cql = next((each for each in observations if each.observer is ObserverKind.CQL), None)
    is_heard = any(each.observer is ObserverKind.GOSSIP and each.result is ProbeResult.GOOD for each in observations)
    if cql is not None and cql.result is ProbeResult.SLOW:
        return _MemberResult.GOOD if is_all_slow else _MemberResult.SLOW
    if cql is not None and cql.result is ProbeResult.GOOD:
        return _MemberResult.GOOD
    if is_heard:  # it lives; that it does not answer us is its own doing where others do
        return (
            _MemberResult.SLOW
            if cql is not None and cql.result is ProbeResult.BAD and is_reached
            else _MemberResult.GOOD
        )
    dead = [each for each in observations if each.result in (ProbeResult.BAD, ProbeResult.GONE)]
    if len(dead) >= policy.observers and any(each.observer is ObserverKind.GOSSIP for each in dead):
        return _MemberResult.GONE if any(each.result is ProbeResult.GONE for each in dead) else _MemberResult.BAD
    return _MemberResult.UNSURE


def _combine_service(observations: Sequence[Observation]) -> _MemberResult:
    """Put together whether a service works, the result that counts, and what its machine provider says otherwise."""
    work = next((each.result for each in observations if each.observer in WORK_OBSERVERS), ProbeResult.NEUTRAL)
    machine = next((each.result for each in observations if each.observer is ObserverKind.MACHINE), ProbeResult.NEUTRAL)
    result = work if work is ProbeResult.GOOD or machine is ProbeResult.NEUTRAL else machine
    return {
        ProbeResult.GOOD: _MemberResult.GOOD,
        ProbeResult.SLOW: _MemberResult.GOOD,
        ProbeResult.BAD: _MemberResult.BAD,
        ProbeResult.GONE: _MemberResult.GONE,
        ProbeResult.NEUTRAL: _MemberResult.UNSURE,
    }[result]


def _reached(check: HealthCheck) -> tuple[MemberId, ...]:
    found = (
        each.node
        for each in check.observations
        if each.observer is ObserverKind.CQL and each.result in (ProbeResult.GOOD, ProbeResult.SLOW)
    )
    return tuple(sorted(found))


def _is_all_slow(check: HealthCheck) -> bool:
    """Tell whether every node that answers is slow: then the cause is this host or its network."""
    results = [
        each.result
        for each in check.observations
        if each.observer is ObserverKind.CQL and each.result is not ProbeResult.BAD
    ]
    return len(results) > 1 and all(result is ProbeResult.SLOW for result in results)


@dataclass(slots=True)
class _History:
    """The history of one node or service, check by check."""

    kind: _MemberResult | None = None
    """GOOD, SLOW, or BAD (GONE too), since ``since``."""
    since: datetime | None = None
    checks: int = 0
    last_at: datetime | None = None
    last_result: _MemberResult = _MemberResult.UNSURE
    unsure_since: datetime | None = None
    flaps: list[datetime] = field(default_factory=list)
    was_bad: bool = False
    good_looks: int = 0

    def add(self, at: datetime, result: _MemberResult) -> None:
        self.last_result = result
        if result is _MemberResult.UNSURE:
            self.unsure_since = self.unsure_since or at
            return
        self.unsure_since = None
        kind = _MemberResult.BAD if result is _MemberResult.GONE else result
        if kind is not self.kind:
            if kind is _MemberResult.BAD and self.kind is not None:
                self.flaps.append(at)
            self.kind, self.since, self.checks = kind, at, 0
        self.checks += 1
        self.last_at = at
        self.good_looks = 0 if kind is _MemberResult.BAD else self.good_looks + 1
        self.was_bad = self.was_bad or kind is _MemberResult.BAD

    def forget(self) -> None:
        """Start over: nobody knows what happened in between."""
        self.kind, self.since, self.checks, self.good_looks = None, None, 0, 0

    @classmethod
    def read(
        cls,
        member: MemberId,
        checks: Sequence[HealthCheck],
        results: Sequence[Mapping[MemberId, _MemberResult]],
        gap: timedelta,
    ) -> Self:
        """Return what happened to a member; a clock that was set back, or no check for so long, starts it over."""
        history = cls()
        before: datetime | None = None
        for check, seen in zip(checks, results, strict=True):
            if before is not None and not timedelta() <= check.at - before <= gap:
                history.forget()
            if not member.is_service and history.last_at is not None and check.at - history.last_at > gap:
                history.forget()
            before = check.at
            if member in seen:
                history.add(check.at, seen[member])
        return history


def _assess_node(
    node: WatchedMember,
    checks: Sequence[HealthCheck],
    results: Sequence[Mapping[MemberId, _MemberResult]],
    policy: Policy,
) -> MemberAssessment:
    history = _History.read(node.id, checks, results, timedelta(minutes=policy.gap_minutes))
    now = checks[-1].at
    flaps = [at for at in history.flaps if timedelta() <= now - at <= timedelta(minutes=policy.flap_minutes)]
    is_flapping = len(flaps) >= policy.flaps
    since = history.since or now
    match history.kind:
        case _MemberResult.BAD if is_flapping and not is_grace_over(now - since, history.checks, policy):
            verdict = HealthVerdict.FLAPPING
        case _MemberResult.BAD:
            verdict = HealthVerdict.GONE if history.last_result is _MemberResult.GONE else HealthVerdict.DOWN
        case None:
            verdict = HealthVerdict.UNSEEN
        case _ if is_flapping:
            verdict = HealthVerdict.FLAPPING
        case _MemberResult.SLOW:
            verdict = HealthVerdict.SLOW
        case _:
            verdict = HealthVerdict.UNSEEN if history.last_result is _MemberResult.UNSURE else HealthVerdict.UP
    if verdict is HealthVerdict.UNSEEN:
        since = min(history.unsure_since or now, now)
    return MemberAssessment(
        node=node,
        verdict=verdict,
        since=flaps[0] if verdict is HealthVerdict.FLAPPING else since,
        checks=history.checks,
        is_settled=not history.was_bad or history.good_looks >= policy.settle_checks,
        observations=checks[-1].of(node.id),
    )


def _assess_service(
    service: WatchedMember,
    checks: Sequence[HealthCheck],
    results: Sequence[Mapping[MemberId, _MemberResult]],
    policy: Policy,
) -> MemberAssessment:
    history = _History.read(service.id, checks, results, timedelta(minutes=policy.gap_minutes))
    now = checks[-1].at
    since = history.since or now
    match history.kind:
        case _MemberResult.BAD:
            verdict = HealthVerdict.GONE if history.last_result is _MemberResult.GONE else HealthVerdict.DOWN
        case _MemberResult.GOOD if history.last_result is _MemberResult.GOOD:
            verdict = HealthVerdict.UP
        case _:
            verdict, since = HealthVerdict.UNSEEN, min(history.unsure_since or now, now)
    wellness = (result[service.id] is _MemberResult.GOOD if service.id in result else None for result in results)
    return MemberAssessment(
        node=service,
        verdict=verdict,
        since=since,
        checks=history.checks,
        observations=checks[-1].of(service.id),
        trouble_since=_trouble_since(checks, wellness),
    )


def _trouble_since(checks: Sequence[HealthCheck], wellness: Iterable[bool | None]) -> datetime | None:
    """Return since when no check found all well.

    Backward jumps of the clock count as no time, so the moment is that far before the last check.

    Args:
        wellness: of each check, whether it did; None where it says nothing.
    """
    span: timedelta | None = None
    before: datetime | None = None
    for check, is_well in zip(checks, wellness, strict=True):
        if is_well:
            span = None
        elif span is None and is_well is not None:
            span = timedelta()
        elif span is not None and before is not None:
            span += max(timedelta(), check.at - before)
        before = check.at
    return None if span is None else checks[-1].at - span


def _wellness(
    checks: Sequence[HealthCheck], results: Sequence[Mapping[MemberId, _MemberResult]], cluster: ClusterTopology
) -> Iterator[bool]:
    """Yield of each check whether it found all nodes well."""
    members = {node.id.host_id for node in cluster.nodes}
    for check, seen in zip(checks, results, strict=True):
        reached = sum(node.host_id in members for node in _reached(check))
        yield reached > len(members) // 2 and all(
            _is_well(node, seen[node.id]) for node in cluster.nodes if node.id in seen
        )


def _is_well(node: WatchedMember, result: _MemberResult) -> bool:
    """Tell whether nothing is wrong with a node; one that joins need not answer clients yet."""
    return result is _MemberResult.GOOD or (result is _MemberResult.SLOW and node.status in JOINING)


def is_grace_over(span: timedelta, checks: int, policy: Policy | ServicePolicy) -> bool:
    """Tell whether the grace is over: in checks and in minutes."""
    return checks >= policy.grace_checks and span >= timedelta(minutes=policy.grace_minutes)


def _cut_off(checks: Sequence[HealthCheck], cluster: ClusterTopology, policy: Policy) -> CutOff | None:
    members = {node.id.host_id for node in cluster.nodes}
    found: CutOff | None = None
    before: datetime | None = None
    for check in checks:
        reached = tuple(node for node in _reached(check) if node.host_id in members)
        if len(reached) > len(members) // 2:
            found, before = None, None
            continue
        is_confirmed = bool(reached) and _agree(check, reached, cluster)
        is_continued = (
            found is not None and before is not None and check.at - before <= timedelta(minutes=policy.gap_minutes)
        )
        found = CutOff(
            reached=reached,
            of=len(members),
            since=found.since if found is not None and is_continued else check.at,
            is_confirmed=is_confirmed,
            checks=(found.checks if found is not None and is_continued and is_confirmed else 0) + 1,
        )
        before = check.at
    return found


def _agree(check: HealthCheck, reached: Sequence[MemberId], cluster: ClusterTopology) -> bool:
    """Tell whether those that answer us call all others dead."""
    reached_ids = {node.host_id for node in reached}
    for node in cluster.nodes:
        if node.id.host_id in reached_ids:
            continue
        heard = [
            each
            for each in check.of(node.id)
            if each.observer is ObserverKind.GOSSIP and each.result is not ProbeResult.NEUTRAL
        ]
        if not heard or any(each.result is ProbeResult.GOOD for each in heard):
            return False
    return True
