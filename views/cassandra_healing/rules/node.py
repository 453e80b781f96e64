"""Rules of when the one node that is sick is left alone, or shown to a person; some of them hold for a service, too.

Each returns its decision, or None where it has nothing to say.
"""

from __future__ import annotations

from datetime import timedelta

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import SHUTDOWN, TOPOLOGY_CHANGES, HealingAction, HealthVerdict, OperationOutcome
from cassandra_healing.quorum import find_few_replicas
from cassandra_healing.rules.context import (
    RuleContext,
    duration_text,
    make_decision,
    operation_text,
    start_text,
    topology_change_text,
)


def skipped(context: RuleContext) -> Decision | None:
    """Wait for a node that a person skipped."""
    note = context.journal_state.skips.get(context.node.node.id.host_id)
    if note is None:
        return None
    return make_decision(
        context,
        HealingAction.WAIT,
        Rule.SKIPPED,
        f"it is {context.node.verdict}, and {note.by} skipped it: {note.why}",
        next=f"'views cluster unskip {context.node.node.id}' ends that",
    )


def flapping(context: RuleContext) -> Decision | None:
    """Show a flapping node to a person."""
    if context.node.verdict is not HealthVerdict.FLAPPING:
        return None
    policy = context.policy
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.FLAPPING,
        f"it went away {policy.flaps} times or more within {policy.flap_minutes:g} minutes",
        remains="It is neither restarted nor replaced: a network or a load that comes and goes would stay",
        next="See its log, its pauses for garbage collection and its network",
    )


def slow(context: RuleContext) -> Decision | None:
    """Wait for a slow node, then show it to a person."""
    if context.node.verdict is not HealthVerdict.SLOW:
        return None
    if not context.is_grace_over(context.node):
        return make_decision(
            context,
            HealingAction.WAIT,
            Rule.SLOW,
            "it is alive, but answers this host late or not at all",
            next=_left(context),
        )
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.SLOW,
        f"it is alive, but answers this host late or not at all for {duration_text(context.waited(context.node))}",
        remains="It is neither restarted nor replaced: it still serves its peers",
        next="See its load, its disk and the network between it and this host",
    )


def starting(context: RuleContext) -> Decision | None:
    """Leave a node alone that was started only now."""
    started = context.node.node.started_at
    if started is None or context.assessment.at - started >= timedelta(minutes=context.policy.startup_minutes):
        return None
    return make_decision(
        context,
        HealingAction.WAIT,
        Rule.STARTING,
        f"it is {context.node.verdict}, and was started {duration_text(context.assessment.at - started)} ago",
        next=f"A node is left alone for {context.policy.startup_minutes:g} minutes after its start",
    )


def grace(context: RuleContext) -> Decision | None:
    """Wait until it was down in enough checks and for long enough."""
    if context.is_grace_over(context.node):
        return None
    return make_decision(
        context,
        HealingAction.WAIT,
        Rule.GRACE,
        f"it has been {context.node.verdict} for {duration_text(context.waited(context.node))}",
        remains="It may come back by itself",
        next=_left(context),
    )


def _left(context: RuleContext) -> str:
    node, limits = context.node, context.limits
    minutes = context.waited(node).total_seconds() / 60
    return (
        f"It is left alone for {limits.grace_checks} checks and {limits.grace_minutes:g} minutes; "
        f"so far it was {node.checks} and {minutes:.1f}"
    )


def shutdown(context: RuleContext) -> Decision | None:
    """Show a node to a person that was stopped in order."""
    if context.node.node.status != SHUTDOWN or context.node.verdict is HealthVerdict.GONE:
        return None
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.SHUTDOWN,
        f"it told its peers {duration_text(context.waited(context.node))} ago that it was stopping, and did not return",
        remains="Somebody stopped it, or it stopped itself (a disk that failed or is full)",
        next="See the end of its log; then start it, or 'views cluster skip' it with a reason",
    )


def disk(context: RuleContext) -> Decision | None:
    """Show a node to a person whose disk is full."""
    shares = [each.disk_used_share for each in context.node.observations if each.disk_used_share is not None]
    if not shares or max(shares) < context.policy.disk_full_share:
        return None
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.DISK,
        f"its data disk is {max(shares):.0%} full",
        remains="A restart would fail, and a replacement would stream the same data",
        next="Make room (old snapshots first) or give it a larger disk, then start it",
    )


def unread(context: RuleContext) -> Decision | None:
    """Do nothing where facts for the decision are missing."""
    missing = context.assessment.cluster.unread
    if not missing:
        return None
    return _disturbed(
        context,
        Rule.UNREAD,
        f"some of the facts that a decision needs could not be read: {'; '.join(missing)}",
        "See that the role may read system, system_schema and system_views; the next check reads them again",
    )


def replicas(context: RuleContext) -> Decision | None:
    """Do nothing by itself where there are one or two replicas."""
    few = find_few_replicas(context.node.node, context.assessment.cluster.keyspaces)
    if not few:
        return None
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.REPLICAS,
        f"it is {context.node.verdict}, and holds data of keyspaces with fewer than 3 replicas: {', '.join(few)}",
        remains="With 1 or 2 replicas nothing is done automatically: its data may exist nowhere else",
        next="Bring this very node back if it can be; raise the replication and repair before the next time",
    )


def journal(context: RuleContext) -> Decision | None:
    """Do nothing that cannot be written down."""
    if context.journal_state.is_readable:
        return None
    return _disturbed(
        context,
        Rule.JOURNAL,
        "the journal cannot be read, so nobody knows what was done or forbidden",
        f"See that a quorum of the replicas of {context.policy.keyspace} is up",
    )


def refused(context: RuleContext) -> Decision | None:
    """Do not ask again for the same outage."""
    for act in (HealingAction.REPLACE, HealingAction.RESTART):
        operation = context.journal_state.last(act, context.node.node.id, context.node.since)
        if operation is not None and operation.outcome is OperationOutcome.REFUSED:
            return make_decision(
                context,
                HealingAction.WAIT,
                Rule.REFUSED,
                f"a person refused {operation_text(operation)}, or nobody answered, at {start_text(operation)}",
                next="It is proposed again after it has been up in between; until then, fix it by hand",
            )
    return None


def _disturbed(context: RuleContext, rule: Rule, what: str, then: str) -> Decision:
    is_late = context.is_too_long()
    late = f"; it has been {context.node.verdict} for {duration_text(context.waited(context.node))}" if is_late else ""
    return make_decision(
        context,
        HealingAction.PAGE if is_late else HealingAction.WAIT,
        rule,
        f"{what}{late}",
        remains="Nothing is done meanwhile",
        next=then,
    )


def busy(context: RuleContext) -> Decision | None:
    """Wait for nodes that join, leave or move, for repairs and streams."""
    moving = [each for each in context.assessment.nodes if each.node.status in TOPOLOGY_CHANGES]
    work = [*([topology_change_text(moving)] if moving else []), *context.assessment.cluster.work]
    if not work:
        return None
    return _disturbed(context, Rule.BUSY, f"the cluster is busy: {'; '.join(work)}", "Wait for that to end, or end it")


def disagreement(context: RuleContext) -> Decision | None:
    """Wait for agreement on the schema."""
    versions = context.assessment.cluster.schema_versions
    if len(set(versions)) < 2:
        return None
    return _disturbed(
        context,
        Rule.DISAGREEMENT,
        f"the nodes disagree on the schema: {len(set(versions))} versions",
        "Wait until they agree ('nodetool describecluster'), or restart the node that differs",
    )


def settling(context: RuleContext) -> Decision | None:
    """Wait for others that came back only now."""
    others = [
        each
        for each in context.assessment.nodes
        if not each.is_sick and not each.is_settled and each.verdict is HealthVerdict.UP
    ]
    if not others:
        return None
    return _disturbed(
        context,
        Rule.SETTLING,
        f"{', '.join(each.node.id.address for each in others)} came back only now",
        f"A node counts as up again after {context.policy.settle_checks} checks in a row",
    )
