"""Rules of whether the one node that is sick is restarted or replaced, and what forbids it.

Each returns its decision, or None where it has nothing to say; the last one always speaks.
"""

from __future__ import annotations

from datetime import timedelta

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import HealingAction, HealthVerdict, OperationOutcome
from cassandra_healing.quorum import find_quorum_risks
from cassandra_healing.rules.context import RuleContext, duration_text, is_joining, make_decision


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
