"""The facts that rules use, and the wording of their decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from cassandra_healing.assessment import is_grace_over
from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import (
    JOINING,
    Assessment,
    HealingAction,
    HealthVerdict,
    JournalState,
    MemberAssessment,
    Operation,
)
from cassandra_healing.policy import Mode, Policy, ServicePolicy


@dataclass(frozen=True, slots=True)
class RuleContext:
    """The facts that rules use, of a decision about the cluster or about one service.

    Args:
        journal_state: with the operations of the cluster, or of the service.
        sick: the nodes that are not well, the longest so first; or the service alone, well or not.
    """

    assessment: Assessment
    journal_state: JournalState
    policy: Policy
    sick: tuple[MemberAssessment, ...]

    @property
    def node(self) -> MemberAssessment:
        """Return the one node that is sick, or the service."""
        return self.sick[0]

    @property
    def service(self) -> ServicePolicy:
        """Return what is set for the service."""
        return self.policy.services[self.node.node.id.address]

    @property
    def is_about_service(self) -> bool:
        """Tell whether the decision is about a service."""
        return bool(self.sick) and self.node.node.id.is_service

    @property
    def limits(self) -> Policy | ServicePolicy:
        """Return the graces and limits that apply."""
        return self.service if self.is_about_service else self.policy

    def waited(self, health: MemberAssessment) -> timedelta:
        """Return for how long a node is as it is."""
        return self.assessment.at - health.since

    def is_grace_over(self, health: MemberAssessment) -> bool:
        """Tell whether the grace of a node is over."""
        return is_grace_over(self.waited(health), health.checks, self.limits)

    def is_too_long(self) -> bool:
        """Tell whether waiting has taken too long."""
        return self.waited(self.node) >= timedelta(minutes=self.limits.page_minutes)


def is_joining(health: MemberAssessment) -> bool:
    """Tell whether the node is not a full member yet."""
    return health.node.status in JOINING


def make_decision(
    context: RuleContext,
    act: HealingAction,
    rule: Rule,
    what: str,
    *,
    next: str,
    remains: str = "Nothing was done",
    about: Sequence[MemberAssessment] | None = None,
    on: str = "",
    seeds: Sequence[str] = (),
) -> Decision:
    """Return a decision about nodes or a service; without ``about`` about those that are sick."""
    nodes = context.sick if about is None else tuple(about)
    is_act = act in (HealingAction.RESTART, HealingAction.REPLACE)
    return Decision(
        at=context.assessment.at,
        act=act,
        rule=rule,
        what=what,
        on=on or ", ".join(each.node.id.address for each in nodes),
        remains=remains,
        next=next,
        nodes=tuple(each.node.id for each in nodes),
        evidence=tuple(
            str(seen) if each.node.id.is_service else f"{each.node.id}: {seen}"
            for each in nodes
            for seen in each.observations
        ),
        mode=context.policy.mode_of(nodes[0].node.id) if is_act else None,
        seeds=tuple(seeds),
    )


def escalate_overdue(context: RuleContext, decision: Decision) -> Decision:
    """Call a person instead of waiting on where the cluster, or the service, was not well for ``page_minutes``.

    Nothing else changes: neither what is left alone, nor what is under way.
    """
    is_service = context.is_about_service
    since = context.node.trouble_since if is_service else context.assessment.trouble_since
    is_idle = decision.act is HealingAction.WAIT or decision.mode is Mode.DRY_RUN
    if since is None or not is_idle or context.assessment.at - since < timedelta(minutes=context.limits.page_minutes):
        return decision
    acts = (
        f"; a {decision.act} is due and not done, as the mode is dry-run"
        if decision.act is not HealingAction.WAIT
        else ""
    )
    subject = "it" if is_service else "the cluster"
    troubled = [each for each in context.assessment.nodes if each.verdict is not HealthVerdict.UP]
    return replace(
        decision,
        act=HealingAction.PAGE,
        mode=None,
        seeds=(),
        is_overdue=True,
        what=f"{decision.what}{acts}; {subject} has not been well for {duration_text(context.assessment.at - since)}",
        on=decision.on or ", ".join(each.node.id.address for each in troubled),
        nodes=decision.nodes or tuple(each.node.id for each in troubled),
    )


def topology_change_text(nodes: Sequence[MemberAssessment]) -> str:
    """Say what nodes do that join, leave or move."""
    words = {"BOOT": "joins", "BOOT_REPLACE": "replaces another", "LEAVING": "leaves", "MOVING": "moves"}
    return "; ".join(f"{each.node.id} {words[each.node.status]}" for each in nodes)


def operation_text(operation: Operation) -> str:
    """Name an operation in a sentence."""
    return "a restart" if operation.act is HealingAction.RESTART else "the replacement"


def start_text(operation: Operation) -> str:
    """Say when an operation was begun."""
    return f"{operation.begun_at:%Y-%m-%d %H:%M:%S} UTC"


def duration_text(span: timedelta) -> str:
    """Say how long something lasts."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
