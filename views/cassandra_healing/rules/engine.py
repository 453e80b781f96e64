"""Decide what to do about a cluster: the first rule that returns a decision wins. Pure.

The specification is the table of cases under tests/unit/healing/decisions.
"""

from __future__ import annotations

from collections.abc import Callable

from cassandra_healing.decision import Decision
from cassandra_healing.model import Assessment, HealthVerdict, NodeAssessment
from cassandra_healing.operation_model import JournalState
from cassandra_healing.policy import Policy
from cassandra_healing.rules import action, cluster, node
from cassandra_healing.rules.context import RuleContext, escalate_overdue, is_joining

_RULES: tuple[Callable[[RuleContext], Decision | None], ...] = (
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
    action.restart,
    action.seed,
    action.quorum,
    action.limit,
)
"""The order matters: what stops everything first, what a person must see next, then what may be waited for."""


def decide(assessment: Assessment, journal_state: JournalState, policy: Policy) -> Decision:
    """Return what is to be done. One decision for the whole cluster: never two things at once.

    Where the cluster was not well for ``page_minutes``, nothing is only waited for: a person is called, whichever rule
    speaks.
    """
    sick = tuple(sorted((each for each in assessment.nodes if each.is_sick and not is_joining(each)), key=_order))
    context = RuleContext(assessment, journal_state, policy, sick)
    found = (decision for rule in _RULES if (decision := rule(context)) is not None)
    return escalate_overdue(context, next(found, None) or action.replace(context))


def _order(health: NodeAssessment) -> tuple[bool, object, str]:
    """Put the dead first, and of these the longest dead."""
    is_dead = health.verdict in (HealthVerdict.DOWN, HealthVerdict.GONE)
    return (not is_dead, health.since, health.node.id.address)
