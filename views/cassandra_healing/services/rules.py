"""What is to be done about one service: by the first rule that speaks. Pure.

The specification is the table of cases under tests/unit/healing/decisions/services.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cassandra_healing.mode import Mode
from cassandra_healing.model import HealthVerdict
from cassandra_healing.operation_model import HealingAction, OperationOutcome
from cassandra_healing.rules.context import duration_text, operation_text, start_text
from cassandra_healing.service_policy import CLUSTER
from cassandra_healing.services.decision import ServiceDecision, ServiceRule
from cassandra_healing.services.model import service_id
from cassandra_healing.services.rule_context import ServiceRuleContext, longest_duration, needs_of


def decide_service(context: ServiceRuleContext) -> ServiceDecision:
    """Return what is to be done about a service.

    Where it was not well for ``page_minutes``, nothing is only waited for: a person is called, whichever rule speaks.
    """
    found = (decision for rule in _RULES if (decision := rule(context)) is not None)
    return _escalate_overdue(context, next(found, None) or _replace(context))


def _escalate_overdue(context: ServiceRuleContext, decision: ServiceDecision) -> ServiceDecision:
    since = context.health.trouble_since
    is_idle = decision.act is HealingAction.WAIT or decision.mode is Mode.DRY_RUN
    if since is None or not is_idle or context.health.at - since < timedelta(minutes=context.policy.page_minutes):
        return decision
    span = duration_text(context.health.at - since)
    acts = (
        f"; a {decision.act} is due and not done, as the mode is dry-run"
        if decision.act is not HealingAction.WAIT
        else ""
    )
    what = f"{decision.what}{acts}; it has not been well for {span}"
    return replace(decision, act=HealingAction.PAGE, mode=None, is_overdue=True, what=what)


def _make_decision(
    context: ServiceRuleContext,
    act: HealingAction,
    rule: ServiceRule,
    what: str,
    *,
    next: str,
    remains: str = "Nothing was done",
) -> ServiceDecision:
    return ServiceDecision(
        service=context.health.service,
        at=context.health.at,
        act=act,
        rule=rule,
        what=what,
        evidence=context.health.seen,
        mode=(context.policy.mode or context.mode) if act in (HealingAction.RESTART, HealingAction.REPLACE) else None,
        next=next,
        remains=remains,
    )


def _stopped(context: ServiceRuleContext) -> ServiceDecision | None:
    note = context.journal_state.stopped
    if note is None:
        return None
    what = f"healing is switched off by {note.by}: {note.why}"
    return _make_decision(
        context, HealingAction.WAIT, ServiceRule.STOPPED, what, next="'views cluster go' switches it on again"
    )


def _under_way(context: ServiceRuleContext) -> ServiceDecision | None:
    operation = context.journal_state.under_way
    if operation is None:
        return None
    if context.health.at - operation.begun_at <= longest_duration(context.policy):
        what = f"{operation_text(operation)} is under way since {start_text(operation)}"
        return _make_decision(context, HealingAction.WAIT, ServiceRule.UNDER_WAY, what, next="Wait for it to finish")
    what = f"{operation_text(operation)} of {start_text(operation)} was interrupted before it finished"
    return _make_decision(context, operation.act, ServiceRule.CUT_OFF, what, next="It is run again")


def _well(context: ServiceRuleContext) -> ServiceDecision | None:
    if context.health.verdict is not HealthVerdict.UP:
        return None
    return _make_decision(context, HealingAction.WAIT, ServiceRule.WELL, "it works", next="Nothing")


def _skipped(context: ServiceRuleContext) -> ServiceDecision | None:
    note = context.journal_state.skips.get(service_id(context.health.service).host_id)
    if note is None:
        return None
    what = f"it is {context.health.verdict}, and {note.by} skipped it: {note.why}"
    ends = f"'views cluster unskip {context.health.service}' ends that"
    return _make_decision(context, HealingAction.WAIT, ServiceRule.SKIPPED, what, next=ends)


def _needs(context: ServiceRuleContext) -> ServiceDecision | None:
    away = [
        need
        for need in needs_of(context.health.service, context.policies)
        if not (context.is_cluster_well if need == CLUSTER else context.others[need].verdict is HealthVerdict.UP)
    ]
    if not away:
        return None
    what = f"it is {context.health.verdict}, and what it needs is not well: {', '.join(away)}"
    return _make_decision(context, HealingAction.WAIT, ServiceRule.NEEDS, what, next="What it needs is healed first")


def _unseen(context: ServiceRuleContext) -> ServiceDecision | None:
    if context.health.verdict is not HealthVerdict.UNSEEN:
        return None
    what = f"its state has been unknown for {duration_text(context.waited)}"
    if context.waited < timedelta(minutes=context.policy.page_minutes):
        return _make_decision(
            context, HealingAction.WAIT, ServiceRule.UNSEEN, what, next="The next check decides again"
        )
    see = "Find out why its page, its query or its command gives no answer"
    return _make_decision(context, HealingAction.PAGE, ServiceRule.UNSEEN, what, next=see)


def _grace(context: ServiceRuleContext) -> ServiceDecision | None:
    policy, health = context.policy, context.health
    if health.checks >= policy.grace_checks and context.waited >= timedelta(minutes=policy.grace_minutes):
        return None
    return _make_decision(
        context,
        HealingAction.WAIT,
        ServiceRule.GRACE,
        f"it has been {health.verdict} for {duration_text(context.waited)}",
        remains="It may come back by itself",
        next=f"It is left alone for {policy.grace_checks} checks and {policy.grace_minutes:g} minutes",
    )


def _journal(context: ServiceRuleContext) -> ServiceDecision | None:
    if context.journal_state.is_readable:
        return None
    what = f"it is {context.health.verdict}, and the journal cannot be read, so nobody knows what was forbidden"
    wait = context.waited < timedelta(minutes=context.policy.page_minutes)
    see = "See that a quorum of the nodes is up; the next check decides again"
    return _make_decision(
        context, HealingAction.WAIT if wait else HealingAction.PAGE, ServiceRule.JOURNAL, what, next=see
    )


def _refused(context: ServiceRuleContext) -> ServiceDecision | None:
    for act in (HealingAction.RESTART, HealingAction.REPLACE):
        if context.has(act, OperationOutcome.REFUSED):
            what = f"it is {context.health.verdict}, and a person refused its {_noun(act)}"
            see = "It is not proposed again in this outage; fix it by hand"
            return _make_decision(context, HealingAction.WAIT, ServiceRule.REFUSED, what, next=see)
    return None


def _back(context: ServiceRuleContext) -> ServiceDecision | None:
    """Give it time to come back after what was done last, where that was done well."""
    operation = context.last
    if operation is None or operation.ended_at is None or operation.outcome is not OperationOutcome.DONE:
        return None
    if context.health.at - operation.ended_at >= timedelta(minutes=context.policy.back_minutes):
        return None
    what = f"{operation_text(operation)} was done {duration_text(context.health.at - operation.ended_at)} ago"
    return _make_decision(
        context,
        HealingAction.WAIT,
        ServiceRule.BACK,
        what,
        next=f"It has {context.policy.back_minutes:g} minutes to come back",
    )


def _restart(context: ServiceRuleContext) -> ServiceDecision | None:
    policy = context.policy
    tried = context.has(HealingAction.RESTART) or context.has(HealingAction.REPLACE)
    if not policy.restart_command or tried or context.health.verdict is HealthVerdict.GONE:
        return None
    node = service_id(context.health.service)
    if context.journal_state.restarts(node, context.health.at) >= policy.restarts_per_day:
        what = (
            f"it was restarted {policy.restarts_per_day} times within 24 hours, and is {context.health.verdict} again"
        )
        return _make_decision(
            context, HealingAction.PAGE, ServiceRule.RESTARTS, what, next="See its log: a restart does not mend it"
        )
    what = f"it has been {context.health.verdict} for {duration_text(context.waited)}"
    return _make_decision(context, HealingAction.RESTART, ServiceRule.RESTART, what, next="It is restarted")


def _no_replacement(context: ServiceRuleContext) -> ServiceDecision | None:
    if context.policy.replace_command:
        return None
    tried = context.has(HealingAction.RESTART)
    what = (
        "its restart did not help"
        if tried
        else f"it has been {context.health.verdict} for {duration_text(context.waited)}"
    )
    rest = "no replace_command" if context.policy.restart_command else "neither a restart_command nor a replace_command"
    return _make_decision(
        context, HealingAction.PAGE, ServiceRule.NO_REPLACEMENT, f"{what}, and it has {rest}", next="See its log"
    )


def _several(context: ServiceRuleContext) -> ServiceDecision | None:
    alike = [
        name
        for name, other in context.others.items()
        if name != context.health.service and other.is_sick and context.policies[name].kind is context.policy.kind
    ]
    if not alike:
        return None
    what = f"it is {context.health.verdict}, and so are others of its kind: {', '.join(sorted(alike))}"
    see = "Look for what they have in common before any of them is replaced"
    return _make_decision(
        context, HealingAction.PAGE, ServiceRule.SEVERAL, what, remains="None of them is replaced", next=see
    )


def _limit(context: ServiceRuleContext) -> ServiceDecision | None:
    if context.journal_state.replacements(context.health.at) < context.policy.replacements_per_day:
        return None
    count = context.policy.replacements_per_day
    what = f"it is {context.health.verdict}, and {count} replacement(s) of it were begun within 24 hours"
    return _make_decision(
        context,
        HealingAction.PAGE,
        ServiceRule.LIMIT,
        what,
        next="See its log, and why the new one does not work either",
    )


def _replace(context: ServiceRuleContext) -> ServiceDecision:
    why = (
        "its machine is gone"
        if context.health.verdict is HealthVerdict.GONE
        else "its restart did not help"
        if context.has(HealingAction.RESTART)
        else f"it has been {context.health.verdict} for {duration_text(context.waited)}"
    )
    return _make_decision(context, HealingAction.REPLACE, ServiceRule.REPLACE, why, next="A new one takes its place")


def _noun(act: HealingAction) -> str:
    return "restart" if act is HealingAction.RESTART else "replacement"


_RULES: tuple[Callable[[ServiceRuleContext], ServiceDecision | None], ...] = (
    _stopped,
    _under_way,
    _well,
    _skipped,
    _needs,
    _unseen,
    _grace,
    _journal,
    _refused,
    _back,
    _restart,
    _no_replacement,
    _several,
    _limit,
)
