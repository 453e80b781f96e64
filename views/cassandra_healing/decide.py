"""What is to be done about a judged cluster: one decision, by the first rule that speaks. Pure.

The specification is the table of cases under tests/healing/decisions.
"""

from __future__ import annotations

from collections.abc import Callable

from cassandra_healing import act_rules, cluster_rules, node_rules
from cassandra_healing.decision import Decision
from cassandra_healing.model import Judgement, NodeHealth, Verdict
from cassandra_healing.policy import Policy
from cassandra_healing.record import Record
from cassandra_healing.situation import Situation, is_joining, overdue

_RULES: tuple[Callable[[Situation], Decision | None], ...] = (
    cluster_rules.stopped,
    cluster_rules.cut_off,
    cluster_rules.several,
    cluster_rules.under_way,
    cluster_rules.well,
    node_rules.skipped,
    node_rules.flapping,
    node_rules.slow,
    node_rules.grace,
    node_rules.starting,
    node_rules.goodbye,
    node_rules.disk,
    node_rules.unread,
    node_rules.replicas,
    node_rules.journal,
    node_rules.refused,
    node_rules.busy,
    node_rules.disagreement,
    node_rules.settling,
    act_rules.restart,
    act_rules.seed,
    act_rules.quorum,
    act_rules.limit,
)
"""The order matters: what stops everything first, what a person must see next, then what may be waited for."""


def decide(judgement: Judgement, record: Record, policy: Policy) -> Decision:
    """Return what is to be done. One decision for the whole cluster: never two things at once.

    Where the cluster was not well for ``page_minutes``, nothing is only waited for: a person is called, whichever rule
    speaks.
    """
    sick = tuple(sorted((each for each in judgement.nodes if each.is_sick and not is_joining(each)), key=_order))
    case = Situation(judgement, record, policy, sick)
    found = (decision for rule in _RULES if (decision := rule(case)) is not None)
    return overdue(case, next(found, None) or act_rules.replace(case))


def _order(health: NodeHealth) -> tuple[bool, object, str]:
    """Put the dead first, and of these the longest dead."""
    is_dead = health.verdict in (Verdict.DOWN, Verdict.GONE)
    return (not is_dead, health.since, health.node.id.address)
