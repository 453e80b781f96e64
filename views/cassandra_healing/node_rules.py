"""Rules of a decision about the one node that is sick.

Each returns its decision, or None where it has nothing to say.
"""

from __future__ import annotations

from datetime import timedelta

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import BUSY, GOODBYE, Verdict
from cassandra_healing.quorum import find_at_stake, find_few_replicas
from cassandra_healing.record import Act, Outcome
from cassandra_healing.situation import Situation, begun, busy_text, deed_name, is_joining, made, span_text


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


def restart(case: Situation) -> Decision | None:
    """Restart it first, and give that its time."""
    node, policy = case.node, case.policy
    if not policy.restart or node.verdict is Verdict.GONE:
        return None
    deed = case.record.last(Act.RESTART, node.node.id, node.since)
    if deed is None:
        if case.record.restarts(node.node.id, case.judgement.at) >= policy.restarts_per_day:
            return made(
                case,
                Act.PAGE,
                Rule.RESTARTS,
                f"it is down again, after {policy.restarts_per_day} restarts within 24 hours",
                remains="It is neither restarted nor replaced: what ends it would end its replacement, too",
                next="See the end of its log",
            )
        return made(
            case,
            Act.RESTART,
            Rule.RESTART,
            f"it is down for {span_text(case.waited(node))}, and all who looked agree",
            remains="The other replicas serve its data",
            next="Its service is restarted; a replacement is thought of only if that fails",
        )
    if deed.outcome is Outcome.DONE and deed.ended_at is not None:
        back = case.judgement.at - deed.ended_at
        if back < timedelta(minutes=policy.restart_minutes):
            return made(
                case,
                Act.WAIT,
                Rule.RESTARTED,
                f"it was restarted {span_text(back)} ago",
                remains="It may still come back",
                next=f"It has {policy.restart_minutes:g} minutes for that",
            )
    return None


def seed(case: Situation) -> Decision | None:
    """Do not replace the only seed."""
    seeds = case.judgement.cluster.seeds
    if case.node.node.id.address not in seeds or _other_seeds(case):
        return None
    return made(
        case,
        Act.PAGE,
        Rule.SEED,
        "it is the only seed that could be up, and a replacement needs another one to join by",
        next="Make another node a seed in every node's cassandra.yaml, then decide again",
    )


def _other_seeds(case: Situation) -> tuple[str, ...]:
    up = {each.node.id.address for each in case.judgement.nodes if not each.is_away}
    return tuple(sorted(case.judgement.cluster.seeds & up))


def quorum(case: Situation) -> Decision | None:
    """Do not replace it where a quorum would be at stake."""
    away = {each.node.id.host_id for each in case.judgement.nodes if each.is_away and not is_joining(each)}
    members = [each.node for each in case.judgement.nodes if not is_joining(each)]
    stakes = find_at_stake(members, case.judgement.cluster.keyspaces, away | {case.node.node.id.host_id})
    if not stakes:
        return None
    return made(
        case,
        Act.PAGE,
        Rule.QUORUM,
        f"without it a quorum is at stake: {'; '.join(map(str, stakes))}",
        remains="It is not replaced: a mistake would lose data",
        next="Bring the other nodes back first, or this one",
    )


def limit(case: Situation) -> Decision | None:
    """Replace no more nodes than are allowed in a day."""
    done = case.record.replacements(case.judgement.at)
    if done < case.policy.replacements_per_day:
        return None
    return made(
        case,
        Act.PAGE,
        Rule.LIMIT,
        f"{done} replacement{'s' if done != 1 else ''} within 24 hours, and {case.policy.replacements_per_day} "
        "may be begun by itself",
        remains="It is not replaced",
        next="See why nodes die before another one is replaced",
    )


def replace(case: Situation) -> Decision:
    """Replace it: nothing speaks against it."""
    node = case.node
    why = "its machine is gone" if node.verdict is Verdict.GONE else "a restart did not bring it back"
    if node.verdict is not Verdict.GONE and not case.policy.restart:
        why = "restarts are left to its machine"
    seeds = _other_seeds(case) if node.node.id.address in case.judgement.cluster.seeds else ()
    joins = f"; it was a seed: the replacement joins by {', '.join(seeds)} and is no seed itself" if seeds else ""
    return made(
        case,
        Act.REPLACE,
        Rule.REPLACE,
        f"it is {node.verdict} for {span_text(case.waited(node))}, and {why}",
        remains="Every token range has its quorum without it",
        next=f"It is fenced, a new node takes its tokens, and the keyspaces are repaired{joins}",
        seeds=seeds,
    )
