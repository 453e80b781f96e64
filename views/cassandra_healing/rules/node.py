"""Rules of when the one node that is sick is left alone, or shown to a person.

Each returns its decision, or None where it has nothing to say.
"""

from __future__ import annotations

from datetime import timedelta

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import BUSY, GOODBYE, Verdict
from cassandra_healing.operation_model import Act, Outcome
from cassandra_healing.quorum import find_few_replicas
from cassandra_healing.rules.context import Situation, begun, busy_text, deed_name, made, span_text


def skipped(case: Situation) -> Decision | None:
    """Leave alone what a person said to leave alone."""
    word = case.record.skips.get(case.node.node.id.host_id)
    if word is None:
        return None
    return made(
        case,
        Act.WAIT,
        Rule.SKIPPED,
        f"it is {case.node.verdict}, and {word.by} said to leave it alone: {word.why}",
        next=f"'views cluster unskip {case.node.node.id}' ends that",
    )


def flapping(case: Situation) -> Decision | None:
    """Show a flapping node to a person."""
    if case.node.verdict is not Verdict.FLAPPING:
        return None
    policy = case.policy
    return made(
        case,
        Act.PAGE,
        Rule.FLAPPING,
        f"it went away {policy.flaps} times or more within {policy.flap_minutes:g} minutes",
        remains="It is neither restarted nor replaced: a network or a load that comes and goes would stay",
        next="See its log, its pauses for garbage collection and its network",
    )


def slow(case: Situation) -> Decision | None:
    """Wait for a slow node, then show it to a person."""
    if case.node.verdict is not Verdict.SLOW:
        return None
    if not case.is_over(case.node):
        return made(case, Act.WAIT, Rule.SLOW, "it lives, and answers us late or not at all", next=_left(case))
    return made(
        case,
        Act.PAGE,
        Rule.SLOW,
        f"it lives, and answers us late or not at all for {span_text(case.waited(case.node))}",
        remains="It is neither restarted nor replaced: it still serves its peers",
        next="See its load, its disk and the network between it and this host",
    )


def starting(case: Situation) -> Decision | None:
    """Leave a node alone that was started only now."""
    started = case.node.node.started_at
    if started is None or case.judgement.at - started >= timedelta(minutes=case.policy.startup_minutes):
        return None
    return made(
        case,
        Act.WAIT,
        Rule.STARTING,
        f"it is {case.node.verdict}, and was started {span_text(case.judgement.at - started)} ago",
        next=f"A node is left alone for {case.policy.startup_minutes:g} minutes after its start",
    )


def grace(case: Situation) -> Decision | None:
    """Wait until it was down in enough looks and for long enough."""
    if case.is_over(case.node):
        return None
    return made(
        case,
        Act.WAIT,
        Rule.GRACE,
        f"it is {case.node.verdict} for {span_text(case.waited(case.node))}",
        remains="It may come back by itself",
        next=_left(case),
    )


def _left(case: Situation) -> str:
    node, policy = case.node, case.policy
    minutes = case.waited(node).total_seconds() / 60
    return (
        f"It is left alone for {policy.grace_looks} looks and {policy.grace_minutes:g} minutes; "
        f"so far it was {node.looks} and {minutes:.1f}"
    )


def goodbye(case: Situation) -> Decision | None:
    """Show a node to a person that was stopped in order."""
    if case.node.node.status != GOODBYE or case.node.verdict is Verdict.GONE:
        return None
    return made(
        case,
        Act.PAGE,
        Rule.GOODBYE,
        f"it told its peers that it stops, {span_text(case.waited(case.node))} ago, and did not come back",
        remains="Somebody stopped it, or it stopped itself (a disk that failed or is full)",
        next="See the end of its log; then start it, or 'views cluster skip' it with a reason",
    )


def disk(case: Situation) -> Decision | None:
    """Show a node to a person whose disk is full."""
    shares = [each.disk_used_share for each in case.node.observations if each.disk_used_share is not None]
    if not shares or max(shares) < case.policy.disk_full_share:
        return None
    return made(
        case,
        Act.PAGE,
        Rule.DISK,
        f"its data disk is {max(shares):.0%} full",
        remains="A restart would fail, and a replacement would stream the same data",
        next="Make room (old snapshots first) or give it a larger disk, then start it",
    )


def unread(case: Situation) -> Decision | None:
    """Do nothing where it is not known what is at stake."""
    missing = case.judgement.cluster.unread
    if not missing:
        return None
    return _disturbed(
        case,
        Rule.UNREAD,
        f"what is at stake could not be read: {'; '.join(missing)}",
        "See that the role may read system, system_schema and system_views; the next look reads again",
    )


def replicas(case: Situation) -> Decision | None:
    """Do nothing by itself where there are one or two replicas."""
    few = find_few_replicas(case.node.node, case.judgement.cluster.keyspaces)
    if not few:
        return None
    return made(
        case,
        Act.PAGE,
        Rule.REPLICAS,
        f"it is {case.node.verdict}, and holds data of keyspaces with fewer than 3 replicas: {', '.join(few)}",
        remains="With 1 or 2 replicas nothing is done by itself: what it holds may be nowhere else",
        next="Bring this very node back if it can be; raise the replication and repair before the next time",
    )


def journal(case: Situation) -> Decision | None:
    """Do nothing that cannot be written down."""
    if case.record.is_readable:
        return None
    return _disturbed(
        case,
        Rule.JOURNAL,
        "the journal cannot be read, so nobody knows what was done or forbidden",
        f"See that a quorum of the replicas of {case.policy.keyspace} is up",
    )


def refused(case: Situation) -> Decision | None:
    """Do not ask again for the same outage."""
    for act in (Act.REPLACE, Act.RESTART):
        deed = case.record.last(act, case.node.node.id, case.node.since)
        if deed is not None and deed.outcome is Outcome.REFUSED:
            return made(
                case,
                Act.WAIT,
                Rule.REFUSED,
                f"a person refused {deed_name(deed)}, or nobody answered, at {begun(deed)}",
                next="It is asked again when the node has been up between",
            )
    return None


def _disturbed(case: Situation, rule: Rule, what: str, then: str) -> Decision:
    is_late = case.is_too_long()
    late = f"; it is {case.node.verdict} for {span_text(case.waited(case.node))}" if is_late else ""
    return made(
        case,
        Act.PAGE if is_late else Act.WAIT,
        rule,
        f"{what}{late}",
        remains="Nothing is done to a node meanwhile",
        next=then,
    )


def busy(case: Situation) -> Decision | None:
    """Wait for nodes that join, leave or move, for repairs and streams."""
    moving = [each for each in case.judgement.nodes if each.node.status in BUSY]
    work = [*([busy_text(moving)] if moving else []), *case.judgement.cluster.work]
    if not work:
        return None
    return _disturbed(case, Rule.BUSY, f"the cluster is busy: {'; '.join(work)}", "Wait for that to end, or end it")


def disagreement(case: Situation) -> Decision | None:
    """Wait for agreement on the schema."""
    versions = case.judgement.cluster.schema_versions
    if len(set(versions)) < 2:
        return None
    return _disturbed(
        case,
        Rule.DISAGREEMENT,
        f"the nodes disagree on the schema: {len(set(versions))} versions",
        "Wait until they agree ('nodetool describecluster'), or restart the node that differs",
    )


def settling(case: Situation) -> Decision | None:
    """Wait for others that came back only now."""
    others = [
        each for each in case.judgement.nodes if not each.is_sick and not each.is_settled and each.verdict is Verdict.UP
    ]
    if not others:
        return None
    return _disturbed(
        case,
        Rule.SETTLING,
        f"{', '.join(each.node.id.address for each in others)} came back only now",
        f"A node counts again when it was up for {case.policy.settle_looks} looks",
    )
