"""Decide what to do about a cluster and each service: the first rule that returns a decision wins. Pure.

The specification is the tables of cases under tests/unit/healing/decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cassandra_healing.decision import Decision
from cassandra_healing.model import Assessment, HealthVerdict, JournalState, MemberAssessment, Operation
from cassandra_healing.policy import Policy
from cassandra_healing.rules import cluster, node, service
from cassandra_healing.rules.context import RuleContext, escalate_overdue, is_joining

_Rules = tuple[Callable[[RuleContext], Decision | None], ...]

_RULES: _Rules = (
    cluster.stopped,
    cluster.cut_off,
    cluster.several,
    cluster.under_way,
    cluster.well,
    node.skipped,
    node.flapping,
    node.slow,
    node.grace,
    node.starting,
    node.shutdown,
    node.disk,
    node.unread,
    node.replicas,
    node.journal,
    node.refused,
    node.busy,
    node.disagreement,
    node.settling,
    node.restart,
    node.seed,
    node.quorum,
    node.limit,
)
"""The order matters: what stops everything first, what a person must see next, then what may be waited for."""

_SERVICE_RULES: _Rules = (
    cluster.stopped,
    service.under_way,
    service.well,
    node.skipped,
    service.needs,
    service.unseen,
    node.grace,
    node.journal,
    node.refused,
    service.back,
    service.restart,
    service.no_replacement,
    service.several,
    service.limit,
)


def decide(assessment: Assessment, journal_state: JournalState, policy: Policy) -> Decision:
    """Return what is to be done about the nodes. One decision for the whole cluster: never two things at once.

    Where the cluster was not well for ``page_minutes``, nothing is only waited for: a person is called, whichever rule
    speaks.

    Args:
        journal_state: of the cluster: ``JournalState.of``.
    """
    sick = tuple(sorted((each for each in assessment.nodes if each.is_sick and not is_joining(each)), key=_order))
    context = RuleContext(assessment, journal_state, policy, sick)
    return escalate_overdue(context, _first(_RULES, context) or node.replace(context))


def decide_service(
    health: MemberAssessment, assessment: Assessment, journal_state: JournalState, policy: Policy
) -> Decision:
    """Return what is to be done about a service, whatever is done about the nodes and other services; as ``decide``.

    Args:
        journal_state: of this service: ``JournalState.of``.
    """
    context = RuleContext(assessment, journal_state, policy, (health,))
    return escalate_overdue(context, _first(_SERVICE_RULES, context) or service.replace(context))


def decide_without(
    operation: Operation, assessment: Assessment, journal_state: JournalState, policy: Policy
) -> Decision | None:
    """Decide as if an operation were not under way; None where its service is watched no longer."""
    state = journal_state.of(operation.node.target)
    state = replace(state, operations=tuple(each for each in state.operations if each.id != operation.id))
    if not operation.node.is_service:
        return decide(assessment, state, policy)
    health = assessment.find_service(operation.node.address)
    return decide_service(health, assessment, state, policy) if health is not None else None


def _first(rules: _Rules, context: RuleContext) -> Decision | None:
    return next((decision for rule in rules if (decision := rule(context)) is not None), None)


def _order(health: MemberAssessment) -> tuple[bool, object, str]:
    """Put the dead first, and of these the longest dead."""
    is_dead = health.verdict in (HealthVerdict.DOWN, HealthVerdict.GONE)
    return (not is_dead, health.since, health.node.id.address)
