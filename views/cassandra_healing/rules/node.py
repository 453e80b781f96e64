"""Rules about the one node that is sick: when it is left alone or shown to a person, restarted or replaced.

Some of them hold for a service, too. Each returns its decision, or None where it has nothing to say; the last one
always speaks.
"""

from __future__ import annotations

from datetime import timedelta

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import SHUTDOWN, TOPOLOGY_CHANGES, HealingAction, HealthVerdict, OperationOutcome
from cassandra_healing.quorum import find_few_replicas, find_quorum_risks
from cassandra_healing.rules.context import (
    RuleContext,
    duration_text,
    is_joining,
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
        "Check that the role may read system, system_schema and system_views; the next check reads them again",
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
        f"Check that a quorum of the replicas of {context.policy.keyspace} is up",
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


def restart(context: RuleContext) -> Decision | None:
    """Restart it first, and give that its time."""
    node, policy = context.node, context.policy
    if not policy.restart or node.verdict is HealthVerdict.GONE:
        return None
    operation = context.journal_state.last(HealingAction.RESTART, node.node.id, node.since)
    if operation is None:
        if context.journal_state.restarts(node.node.id, context.assessment.at) >= policy.restarts_per_day:
            return make_decision(
                context,
                HealingAction.PAGE,
                Rule.RESTARTS,
                f"it is down again, after {policy.restarts_per_day} restarts within 24 hours",
                remains="It is neither restarted nor replaced: what ends it would end its replacement, too",
                next="See the end of its log",
            )
        return make_decision(
            context,
            HealingAction.RESTART,
            Rule.RESTART,
            f"it has been down for {duration_text(context.waited(node))}, and all observers agree",
            remains="The other replicas serve its data",
            next="Its service is restarted; a replacement only if that fails",
        )
    if operation.outcome is OperationOutcome.DONE and operation.ended_at is not None:
        back = context.assessment.at - operation.ended_at
        if back < timedelta(minutes=policy.restart_minutes):
            return make_decision(
                context,
                HealingAction.WAIT,
                Rule.RESTARTED,
                f"it was restarted {duration_text(back)} ago",
                remains="It may still come back",
                next=f"It has {policy.restart_minutes:g} minutes for that",
            )
    return None


def seed(context: RuleContext) -> Decision | None:
    """Do not replace the only seed."""
    seeds = context.assessment.cluster.seeds
    if context.node.node.id.address not in seeds or _other_seeds(context):
        return None
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.SEED,
        "it is the only seed that may be up, and a replacement needs another seed to join",
        next="Make another node a seed in every node's cassandra.yaml, then decide again",
    )


def _other_seeds(context: RuleContext) -> tuple[str, ...]:
    up = {each.node.id.address for each in context.assessment.nodes if not each.is_away}
    return tuple(sorted(context.assessment.cluster.seeds & up))


def quorum(context: RuleContext) -> Decision | None:
    """Do not replace it where a quorum would be at stake."""
    away = {each.node.id.host_id for each in context.assessment.nodes if each.is_away and not is_joining(each)}
    members = [each.node for each in context.assessment.nodes if not is_joining(each)]
    stakes = find_quorum_risks(members, context.assessment.cluster.keyspaces, away | {context.node.node.id.host_id})
    if not stakes:
        return None
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.QUORUM,
        f"without it a quorum is at risk: {'; '.join(map(str, stakes))}",
        remains="It is not replaced: a mistake would lose data",
        next="Bring the other nodes back first, or this one",
    )


def limit(context: RuleContext) -> Decision | None:
    """Replace no more nodes than are allowed in a day."""
    done = context.journal_state.replacements(context.assessment.at)
    if done < context.policy.replacements_per_day:
        return None
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.LIMIT,
        f"{done} replacement{'s' if done != 1 else ''} within 24 hours, and {context.policy.replacements_per_day} "
        "may begin automatically",
        remains="It is not replaced",
        next="See why nodes die before another one is replaced",
    )


def replace(context: RuleContext) -> Decision:
    """Replace it: nothing speaks against it."""
    node = context.node
    why = "its machine is gone" if node.verdict is HealthVerdict.GONE else "a restart did not bring it back"
    if node.verdict is not HealthVerdict.GONE and not context.policy.restart:
        why = "restarts are left to its machine"
    seeds = _other_seeds(context) if node.node.id.address in context.assessment.cluster.seeds else ()
    joins = f"; it was a seed: the replacement joins through {', '.join(seeds)} and is no seed itself" if seeds else ""
    return make_decision(
        context,
        HealingAction.REPLACE,
        Rule.REPLACE,
        f"it has been {node.verdict} for {duration_text(context.waited(node))}, and {why}",
        remains="Every token range has its quorum without it",
        next=f"It is fenced, a new node takes its tokens, and the keyspaces are repaired{joins}",
        seeds=seeds,
    )
