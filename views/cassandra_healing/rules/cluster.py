"""Rules of a decision about the cluster as a whole: what stops everything, and whether anything is wrong at all.

Each returns its decision, or None where it has nothing to say.
"""

from __future__ import annotations

from dataclasses import replace

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import TOPOLOGY_CHANGES, HealingAction, HealthVerdict
from cassandra_healing.rules.context import (
    RuleContext,
    is_joining,
    make_decision,
    operation_text,
    start_text,
    topology_change_text,
)


def stopped(context: RuleContext) -> Decision | None:
    """Do nothing while healing is switched off."""
    note = context.journal_state.stopped
    if note is None:
        return None
    return make_decision(
        context,
        HealingAction.WAIT,
        Rule.STOPPED,
        f"healing is switched off by {note.by}: {note.why}",
        next="'views cluster go' switches it on again",
    )


def cut_off(context: RuleContext) -> Decision | None:
    """Do nothing while we reach no majority of the nodes."""
    cut = context.assessment.cut_off
    if cut is None:
        return None
    away = [each for each in context.assessment.nodes if each.node.id not in cut.reached]
    what = f"this host reaches {len(cut.reached)} of {cut.of} nodes, which is no majority"
    if cut.is_confirmed and cut.checks >= context.policy.grace_checks:
        return make_decision(
            context,
            HealingAction.PAGE,
            Rule.SEVERAL,
            f"{what}; the nodes that answer do not hear the others either",
            about=away,
            remains="Nothing is done automatically while more than one node is away",
            next="See to the machines and the network between them, then start the nodes again",
        )
    return make_decision(
        context,
        HealingAction.WAIT,
        Rule.CUT_OFF,
        what,
        about=away,
        remains="Nothing is done: the fault may be in the network of this host",
        next="Check that this host reaches the nodes; the next check decides again",
    )


def several(context: RuleContext) -> Decision | None:
    """Do nothing while more than one node is sick; call a person."""
    if len(context.sick) < 2:
        return None
    lasting = [each for each in context.sick if each.checks >= context.policy.grace_checks]
    names = ", ".join(f"{each.node.id} is {each.verdict}" for each in context.sick)
    if len(lasting) < 2:
        return make_decision(
            context,
            HealingAction.WAIT,
            Rule.SEVERAL,
            f"more than one node is not well: {names}",
            remains="Nothing is done automatically until only one node is unwell",
            next=f"A person is called when it has lasted for {context.policy.grace_checks} checks",
        )
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.SEVERAL,
        f"more than one node is not well: {names}",
        remains="Nothing is done automatically until only one node is unwell",
        next="Look for what they have in common (network, rack, disk, load) before any of them is replaced",
    )


def under_way(context: RuleContext) -> Decision | None:
    """Begin nothing before what is under way has ended."""
    operation = context.journal_state.under_way
    if operation is None:
        return None
    others = [
        each
        for each in context.sick
        if each.node.id.host_id != operation.node.host_id and each.node.id.address != operation.node.address
    ]
    if others and context.is_grace_over(others[0]):
        return make_decision(
            context,
            HealingAction.PAGE,
            Rule.SEVERAL,
            f"{others[0].node.id} is {others[0].verdict} while "
            f"{operation_text(operation)} of {operation.node} is under way",
            remains="The operation under way continues; nothing else is done automatically",
            next="Repair the node by hand, or wait for the operation to finish",
            about=others,
        )
    decision = make_decision(
        context,
        HealingAction.WAIT,
        Rule.UNDER_WAY,
        f"{operation_text(operation)} of {operation.node} is under way since {start_text(operation)}",
        next="It is finished before anything else begins",
        on=str(operation.node),
    )
    return replace(decision, nodes=(operation.node,))


def well(context: RuleContext) -> Decision | None:
    """Say that nothing is wrong, or not yet known."""
    if context.sick:
        return None
    unseen = [
        each for each in context.assessment.nodes if each.verdict is HealthVerdict.UNSEEN and not is_joining(each)
    ]
    if unseen:
        return make_decision(
            context,
            HealingAction.WAIT,
            Rule.UNSEEN,
            f"too few observers could look at {len(unseen)} of {len(context.assessment.nodes)} nodes",
            about=unseen,
            next="The next check decides again",
        )
    busy = [each for each in context.assessment.nodes if each.node.status in TOPOLOGY_CHANGES]
    if busy:
        return make_decision(
            context, HealingAction.WAIT, Rule.BUSY, topology_change_text(busy), about=busy, next="Nothing is wrong"
        )
    count = len(context.assessment.nodes)
    what = f"all {count} nodes are up" if count > 1 else "the one node is up"
    return make_decision(context, HealingAction.WAIT, Rule.WELL, what, next="Nothing")
