"""What is to be done about one service: by the first rule that speaks. Pure.

The specification is the table of cases under tests/healing/services/decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cassandra_healing.mode import Mode
from cassandra_healing.model import HealthState
from cassandra_healing.operation_model import HealingAction, OperationOutcome
from cassandra_healing.rules.context import duration_text, operation_text, start_text
from cassandra_healing.service_policy import CLUSTER
from cassandra_healing.services.decision import ServiceDecision, ServiceRule
from cassandra_healing.services.model import service_id
from cassandra_healing.services.rule_context import ServiceRuleContext, longest_duration, needs_of


def decide_service(case: ServiceRuleContext) -> ServiceDecision:
    """Return what is to be done about a service.

    Where it was not well for ``page_minutes``, nothing is only waited for: a person is called, whichever rule speaks.
    """
    found = (decision for rule in _RULES if (decision := rule(case)) is not None)
    return _escalate_overdue(case, next(found, None) or _replace(case))


def _escalate_overdue(case: ServiceRuleContext, decision: ServiceDecision) -> ServiceDecision:
    since = case.health.trouble_since
    is_idle = decision.act is HealingAction.WAIT or decision.mode is Mode.DRY_RUN
    if since is None or not is_idle or case.health.at - since < timedelta(minutes=case.policy.page_minutes):
        return decision
    span = duration_text(case.health.at - since)
    acts = (
        f"; a {decision.act} is due and not done, as the mode is dry-run"
        if decision.act is not HealingAction.WAIT
        else ""
    )
    what = f"{decision.what}{acts}; it has not been well for {span}"
    return replace(decision, act=HealingAction.PAGE, mode=None, is_overdue=True, what=what)


def _make_decision(
    case: ServiceRuleContext,
    act: HealingAction,
    rule: ServiceRule,
    what: str,
    *,
    next: str,
    remains: str = "Nothing was done",
) -> ServiceDecision:
    return ServiceDecision(
        service=case.health.service,
        at=case.health.at,
        act=act,
        rule=rule,
        what=what,
        evidence=case.health.seen,
        mode=(case.policy.mode or case.mode) if act in (HealingAction.RESTART, HealingAction.REPLACE) else None,
        next=next,
        remains=remains,
    )


def _stopped(case: ServiceRuleContext) -> ServiceDecision | None:
    word = case.record.stopped
    if word is None:
        return None
    what = f"healing is switched off by {word.by}: {word.why}"
    return _make_decision(
        case, HealingAction.WAIT, ServiceRule.STOPPED, what, next="'views cluster go' switches it on again"
    )


def _under_way(case: ServiceRuleContext) -> ServiceDecision | None:
    deed = case.record.under_way
    if deed is None:
        return None
    if case.health.at - deed.begun_at <= longest_duration(case.policy):
        what = f"{operation_text(deed)} is under way since {start_text(deed)}"
        return _make_decision(case, HealingAction.WAIT, ServiceRule.UNDER_WAY, what, next="Its end is waited for")
    what = f"{operation_text(deed)} of {start_text(deed)} was cut off: nobody saw its end"
    return _make_decision(case, deed.act, ServiceRule.CUT_OFF, what, next="It is done again, and ended")


def _well(case: ServiceRuleContext) -> ServiceDecision | None:
    if case.health.verdict is not HealthState.UP:
        return None
    return _make_decision(case, HealingAction.WAIT, ServiceRule.WELL, "it works", next="Nothing")


def _skipped(case: ServiceRuleContext) -> ServiceDecision | None:
    word = case.record.skips.get(service_id(case.health.service).host_id)
    if word is None:
        return None
    what = f"it is {case.health.verdict}, and {word.by} said to leave it alone: {word.why}"
    ends = f"'views cluster unskip {case.health.service}' ends that"
    return _make_decision(case, HealingAction.WAIT, ServiceRule.SKIPPED, what, next=ends)


def _needs(case: ServiceRuleContext) -> ServiceDecision | None:
    away = [
        need
        for need in needs_of(case.health.service, case.policies)
        if not (case.is_cluster_well if need == CLUSTER else case.others[need].verdict is HealthState.UP)
    ]
    if not away:
        return None
    what = f"it is {case.health.verdict}, and what it needs is not well: {', '.join(away)}"
    return _make_decision(case, HealingAction.WAIT, ServiceRule.NEEDS, what, next="That is seen to first")


def _unseen(case: ServiceRuleContext) -> ServiceDecision | None:
    if case.health.verdict is not HealthState.UNSEEN:
        return None
    what = f"it cannot be told whether it works, for {duration_text(case.waited)}"
    if case.waited < timedelta(minutes=case.policy.page_minutes):
        return _make_decision(case, HealingAction.WAIT, ServiceRule.UNSEEN, what, next="The next look judges again")
    see = "See why it cannot be looked at: its page, its query or its command"
    return _make_decision(case, HealingAction.PAGE, ServiceRule.UNSEEN, what, next=see)


def _grace(case: ServiceRuleContext) -> ServiceDecision | None:
    policy, health = case.policy, case.health
    if health.looks >= policy.grace_looks and case.waited >= timedelta(minutes=policy.grace_minutes):
        return None
    return _make_decision(
        case,
        HealingAction.WAIT,
        ServiceRule.GRACE,
        f"it is {health.verdict} for {duration_text(case.waited)}",
        remains="It may come back by itself",
        next=f"It is left alone for {policy.grace_looks} looks and {policy.grace_minutes:g} minutes",
    )


def _journal(case: ServiceRuleContext) -> ServiceDecision | None:
    if case.record.is_readable:
        return None
    what = f"it is {case.health.verdict}, and the journal cannot be read, so nobody knows what was forbidden"
    wait = case.waited < timedelta(minutes=case.policy.page_minutes)
    see = "See that a quorum of the nodes is up; the next look judges again"
    return _make_decision(case, HealingAction.WAIT if wait else HealingAction.PAGE, ServiceRule.JOURNAL, what, next=see)


def _refused(case: ServiceRuleContext) -> ServiceDecision | None:
    for act in (HealingAction.RESTART, HealingAction.REPLACE):
        if case.has(act, OperationOutcome.REFUSED):
            what = f"it is {case.health.verdict}, and a person refused its {_noun(act)}"
            see = "It is not asked again in this outage; see to it by hand"
            return _make_decision(case, HealingAction.WAIT, ServiceRule.REFUSED, what, next=see)
    return None


def _back(case: ServiceRuleContext) -> ServiceDecision | None:
    """Give it time to come back after what was done last, where that was done well."""
    deed = case.last
    if deed is None or deed.ended_at is None or deed.outcome is not OperationOutcome.DONE:
        return None
    if case.health.at - deed.ended_at >= timedelta(minutes=case.policy.back_minutes):
        return None
    what = f"{operation_text(deed)} was done {duration_text(case.health.at - deed.ended_at)} ago"
    return _make_decision(
        case,
        HealingAction.WAIT,
        ServiceRule.BACK,
        what,
        next=f"It has {case.policy.back_minutes:g} minutes to come back",
    )


def _restart(case: ServiceRuleContext) -> ServiceDecision | None:
    policy = case.policy
    tried = case.has(HealingAction.RESTART) or case.has(HealingAction.REPLACE)
    if not policy.restart_command or tried or case.health.verdict is HealthState.GONE:
        return None
    node = service_id(case.health.service)
    if case.record.restarts(node, case.health.at) >= policy.restarts_per_day:
        what = f"it was restarted {policy.restarts_per_day} times within 24 hours, and is {case.health.verdict} again"
        return _make_decision(
            case, HealingAction.PAGE, ServiceRule.RESTARTS, what, next="See its log: a restart does not mend it"
        )
    what = f"it is {case.health.verdict} for {duration_text(case.waited)}"
    return _make_decision(case, HealingAction.RESTART, ServiceRule.RESTART, what, next="It is restarted")


def _helpless(case: ServiceRuleContext) -> ServiceDecision | None:
    if case.policy.replace_command:
        return None
    tried = case.has(HealingAction.RESTART)
    what = "its restart did not help" if tried else f"it is {case.health.verdict} for {duration_text(case.waited)}"
    rest = "no replace_command" if case.policy.restart_command else "neither a restart_command nor a replace_command"
    return _make_decision(
        case, HealingAction.PAGE, ServiceRule.HELPLESS, f"{what}, and it has {rest}", next="See its log"
    )


def _several(case: ServiceRuleContext) -> ServiceDecision | None:
    alike = [
        name
        for name, other in case.others.items()
        if name != case.health.service and other.is_sick and case.policies[name].kind is case.policy.kind
    ]
    if not alike:
        return None
    what = f"it is {case.health.verdict}, and so are others of its kind: {', '.join(sorted(alike))}"
    see = "Look for what they have in common before any of them is replaced"
    return _make_decision(
        case, HealingAction.PAGE, ServiceRule.SEVERAL, what, remains="None of them is replaced", next=see
    )


def _limit(case: ServiceRuleContext) -> ServiceDecision | None:
    if case.record.replacements(case.health.at) < case.policy.replacements_per_day:
        return None
    count = case.policy.replacements_per_day
    what = f"it is {case.health.verdict}, and {count} replacement(s) of it were begun within 24 hours"
    return _make_decision(
        case, HealingAction.PAGE, ServiceRule.LIMIT, what, next="See its log, and why the new one does not work either"
    )


def _replace(case: ServiceRuleContext) -> ServiceDecision:
    why = (
        "its machine is gone"
        if case.health.verdict is HealthState.GONE
        else "its restart did not help"
        if case.has(HealingAction.RESTART)
        else f"it is {case.health.verdict} for {duration_text(case.waited)}"
    )
    return _make_decision(case, HealingAction.REPLACE, ServiceRule.REPLACE, why, next="A new one takes its place")


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
    _helpless,
    _several,
    _limit,
)
