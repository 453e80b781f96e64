"""Rules about one service: what it waits for, when it is restarted or replaced, and when it is shown to a person.

Each returns its decision, or None where it has nothing to say; the last one always speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import CLUSTER, HealingAction, HealthVerdict, Operation, OperationOutcome
from cassandra_healing.policy import ServiceKind, ServicePolicy
from cassandra_healing.rules.context import RuleContext, duration_text, make_decision, operation_text, start_text

_ACTS = (HealingAction.RESTART, HealingAction.REPLACE)


def under_way(context: RuleContext) -> Decision | None:
    """Begin nothing before what is under way has ended."""
    operation = context.journal_state.under_way
    if operation is None:
        return None
    what = f"{operation_text(operation)} is under way since {start_text(operation)}"
    return make_decision(
        context, HealingAction.WAIT, Rule.UNDER_WAY, what, next="It is finished before anything else begins"
    )


def well(context: RuleContext) -> Decision | None:
    """Say that it works."""
    if context.node.verdict is not HealthVerdict.UP:
        return None
    return make_decision(context, HealingAction.WAIT, Rule.WELL, "it works", next="Nothing")


def needs(context: RuleContext) -> Decision | None:
    """Wait for what it needs."""
    away = [
        need for need in _needs_of(context.node.node.id.address, context.policy.services) if not _is_well(need, context)
    ]
    if not away:
        return None
    what = f"it is {context.node.verdict}, and what it needs is not well: {', '.join(away)}"
    return make_decision(context, HealingAction.WAIT, Rule.NEEDS, what, next="What it needs is healed first")


def _is_well(need: str, context: RuleContext) -> bool:
    if need == CLUSTER:
        return context.assessment.cut_off is None
    health = context.assessment.find_service(need)
    return health is not None and health.verdict is HealthVerdict.UP


def _needs_of(name: str, policies: Mapping[str, ServicePolicy]) -> tuple[str, ...]:
    """Return what a service needs: what is named, and for a Spark worker its master."""
    own = policies[name]
    masters = [
        other
        for other, policy in policies.items()
        if own.kind is ServiceKind.SPARK_WORKER and policy.kind is ServiceKind.SPARK_MASTER and policy.page == own.page
    ]
    return tuple(dict.fromkeys((*own.needs, *masters)))


def unseen(context: RuleContext) -> Decision | None:
    """Wait until somebody can tell how it is, then call a person."""
    if context.node.verdict is not HealthVerdict.UNSEEN:
        return None
    what = f"its state has been unknown for {duration_text(context.waited(context.node))}"
    if not context.is_too_long():
        return make_decision(context, HealingAction.WAIT, Rule.UNSEEN, what, next="The next check decides again")
    see = "Find out why its page, its query or its command gives no answer"
    return make_decision(context, HealingAction.PAGE, Rule.UNSEEN, what, next=see)


def back(context: RuleContext) -> Decision | None:
    """Give it time to come back after what was done last, where that was done well."""
    done = [found for act in _ACTS if (found := _last(context, act)) and found.outcome is not OperationOutcome.REFUSED]
    operation = max(done, key=lambda each: each.begun_at, default=None)
    if operation is None or operation.ended_at is None or operation.outcome is not OperationOutcome.DONE:
        return None
    span = context.assessment.at - operation.ended_at
    if span >= timedelta(minutes=context.service.back_minutes):
        return None
    what = f"{operation_text(operation)} was done {duration_text(span)} ago"
    see = f"It has {context.service.back_minutes:g} minutes to come back"
    return make_decision(context, HealingAction.WAIT, Rule.BACK, what, next=see)


def restart(context: RuleContext) -> Decision | None:
    """Restart it first."""
    service, health = context.service, context.node
    is_tried = any(_last(context, act) for act in _ACTS)
    if not service.restart_command or is_tried or health.verdict is HealthVerdict.GONE:
        return None
    if context.journal_state.restarts(health.node.id, context.assessment.at) >= service.restarts_per_day:
        what = f"it was restarted {service.restarts_per_day} times within 24 hours, and is {health.verdict} again"
        see = "See its log: a restart does not mend it"
        return make_decision(context, HealingAction.PAGE, Rule.RESTARTS, what, next=see)
    what = f"it has been {health.verdict} for {duration_text(context.waited(health))}"
    return make_decision(context, HealingAction.RESTART, Rule.RESTART, what, next="It is restarted")


def no_replacement(context: RuleContext) -> Decision | None:
    """Call a person where nothing is set that replaces it."""
    if context.service.replace_command:
        return None
    rest = (
        "no replace_command" if context.service.restart_command else "neither a restart_command nor a replace_command"
    )
    what = f"{_state_text(context)}, and it has {rest}"
    return make_decision(context, HealingAction.PAGE, Rule.NO_REPLACEMENT, what, next="See its log")


def several(context: RuleContext) -> Decision | None:
    """Replace none of its kind while more than one is sick."""
    services = context.policy.services
    alike = sorted(
        name
        for each in context.assessment.services
        if each.is_sick
        and (name := each.node.id.address) != context.node.node.id.address
        and services[name].kind is context.service.kind
    )
    if not alike:
        return None
    return make_decision(
        context,
        HealingAction.PAGE,
        Rule.SEVERAL,
        f"it is {context.node.verdict}, and so are others of its kind: {', '.join(alike)}",
        remains="None of them is replaced",
        next="Look for what they have in common before any of them is replaced",
    )


def limit(context: RuleContext) -> Decision | None:
    """Replace it no more often than is allowed in a day."""
    count = context.service.replacements_per_day
    if context.journal_state.replacements(context.assessment.at) < count:
        return None
    what = f"it is {context.node.verdict}, and {count} replacement(s) of it were begun within 24 hours"
    see = "See its log, and why the new one does not work either"
    return make_decision(context, HealingAction.PAGE, Rule.LIMIT, what, next=see)


def replace(context: RuleContext) -> Decision:
    """Replace it: nothing speaks against it."""
    is_gone = context.node.verdict is HealthVerdict.GONE
    why = "its machine is gone" if is_gone else _state_text(context)
    return make_decision(context, HealingAction.REPLACE, Rule.REPLACE, why, next="A new one takes its place")


def _last(context: RuleContext, act: HealingAction) -> Operation | None:
    """Return what was done, or refused, in this trouble."""
    return context.journal_state.last(act, context.node.node.id, context.node.since)


def _state_text(context: RuleContext) -> str:
    if _last(context, HealingAction.RESTART):
        return "its restart did not help"
    return f"it has been {context.node.verdict} for {duration_text(context.waited(context.node))}"
