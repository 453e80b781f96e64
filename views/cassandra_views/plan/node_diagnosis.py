"""What nodes say that stands in the way of views, or will bite: switches, versions, disk, clocks, writes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from cassandra_views.model.diagnosis import CODES, DoctorCheck, DoctorFinding, DoctorTopic, DoctorUnknown
from cassandra_views.model.names import counted
from cassandra_views.plan.doctor_facts import DoctorFacts
from cassandra_views.plan.node_facts import (
    ABILITIES,
    HINTS_ENABLED,
    OLDEST,
    READS_FORBIDDEN,
    TIMESTAMPS_ENABLED,
    WRITES_FORBIDDEN,
    NodeFacts,
    schema_groups,
)

ReportPart = DoctorFinding | DoctorCheck | DoctorUnknown

MOST_QUEUED = 100
"""So many compactions, or writes to views, may wait on a node."""
CLOCK_LIMIT = timedelta(seconds=1)
"""How far clocks may be apart."""
FULL_SHARE, FILLING_SHARE = 0.9, 0.75
"""A data disk this full is full, or getting full: a build and its compactions need room beside what is there."""

_READ_AT = ("ONE", "LOCAL_QUORUM", "SERIAL")
"""Where QUORUM is refused, the tables of the servers that are read at it are read at ONE."""
_READ_IN_EACH_CENTER = "EACH_QUORUM"
"""Makes known in each data centre what serves, where there are several."""
_WRITTEN_AT = ("LOCAL_QUORUM", "SERIAL")


def diagnose_nodes(facts: DoctorFacts) -> Iterator[ReportPart]:
    """Yield what the nodes' own answers tell."""
    for look in (_nodes, _settings, _versions, _schema, _disk, _pools, _compactions, _clocks, _writes):
        yield from look(facts)


def finding(code: str, on: str, what: str, next: str) -> DoctorFinding:
    """Return a finding of this code."""
    kind = CODES[code]
    return DoctorFinding(code=code, severity=kind.severity, topic=kind.topic, on=on, what=what, next=next)


def checked(topic: DoctorTopic, text: str) -> DoctorCheck:
    """Return that a topic was looked at."""
    return DoctorCheck(topic=topic, found=text)


def _unread(topic: DoctorTopic, nodes: Iterable[NodeFacts], what: str) -> Iterator[DoctorUnknown]:
    """Yield that nodes did not report their settings, abilities or pools."""
    for node in nodes:
        why = node.error or node.unread.get(what, "it did not say")
        yield DoctorUnknown(topic=topic, on=_on(node), why=f"{what} cannot be read: {why}")


def _on(node: NodeFacts) -> str:
    return f"node {node.address}"


def _nodes(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.NODES
    down = [node for node in facts.nodes if node.error]
    for node in facts.nodes:
        if node.error and node.is_heard:
            yield finding(
                "node-unreachable",
                _on(node),
                f"this machine cannot reach it ({node.error}), and its peers hear it: builds cannot be followed on it",
                "See the network, the firewall and rpc_address between this machine and it",
            )
        elif node.error:
            what = f"it does not answer ({node.error}): no build ends before it does, and view writes for it wait"
            yield finding("node-down", _on(node), what, "Start it, or see 'views cluster' for what is proposed")
        elif node.is_moving:
            yield finding(
                "node-moving",
                _on(node),
                f"it changes its place in the ring ({node.state}): nothing is created or dropped until it is done",
                "Wait until it is done ('nodetool netstats' shows how far it is)",
            )
        elif not node.state:
            yield DoctorUnknown(topic=topic, on=_on(node), why="no node's gossip could be read")
    yield checked(topic, f"{len(facts.nodes) - len(down)} of {counted(len(facts.nodes), 'node')} answer")


def _settings(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.SWITCHES
    read = [node for node in facts.nodes if node.settings is not None]
    read_at = (*_READ_AT, _READ_IN_EACH_CENTER) if len(facts.data_centers) > 1 else _READ_AT
    for node in read:
        if node.views_enabled is False:
            yield finding(
                "views-disabled",
                _on(node),
                "materialized views are disabled on it: it refuses to create any",
                "Set materialized_views_enabled: true in cassandra.yaml on every node and restart it",
            )
        if node.is_off(HINTS_ENABLED):
            yield finding(
                "hints-disabled",
                _on(node),
                "hinted handoff is disabled on it: a view write that another node misses is lost to the view until a "
                "repair",
                "Set hinted_handoff_enabled: true in cassandra.yaml, or run 'nodetool enablehandoff' on it",
            )
        for name, used in ((READS_FORBIDDEN, read_at), (WRITES_FORBIDDEN, _WRITTEN_AT)):
            if forbidden := [each for each in used if each.lower() in node.words(name)]:
                yield finding(
                    "consistency-forbidden",
                    _on(node),
                    f"{name} forbids {', '.join(forbidden)}, which the manager and readers use",
                    f"Take {', '.join(forbidden)} out of {name} in cassandra.yaml",
                )
        if node.is_off(TIMESTAMPS_ENABLED) and facts.probed:
            yield finding(
                "timestamps-forbidden",
                _on(node),
                f"user_timestamps_enabled is false, and the canary row of {', '.join(facts.probed)} needs one",
                "Set user_timestamps_enabled: true, or take 'probe' out of the view's file",
            )
    yield from _unread(topic, [node for node in facts.nodes if node.settings is None], "settings")
    if read:
        yield checked(topic, f"views and hints, on {counted(len(read), 'node')}")


def _versions(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.VERSIONS
    known = [node for node in facts.nodes if node.version]
    for node in known:
        if node.is_too_old:
            yield finding(
                "version-too-old",
                _on(node),
                f"it runs Cassandra {node.version_text}, and {'.'.join(map(str, OLDEST))} is the oldest that this "
                "program works with",
                "Upgrade it",
            )
    versions = sorted({node.version_text for node in known})
    probed = [node for node in known if node.abilities is not None]
    releases = {node.version[:2] for node in known}
    if len(releases) > 1 or len({node.abilities for node in probed}) > 1:
        groups = "; ".join(
            f"{version} on {', '.join(node.address for node in known if node.version_text == version)}"
            for version in versions
        )
        some = sorted({each for node in probed for each in (node.abilities or ())} - set(_common(probed)))
        allowed = f"only some nodes allow {', '.join(ABILITIES[each] for each in some)}" if some else ""
        apart = "schema changes may not reach nodes of another major version" if len(releases) > 1 else ""
        yield finding(
            "versions-differ",
            "the cluster",
            f"the nodes run {groups}: {', and '.join(filter(None, (apart, allowed)))}",
            "Finish the upgrade before views are created or dropped",
        )
    yield from _unread(topic, [node for node in facts.nodes if node.abilities is None], "abilities")
    if known:
        text = f"Cassandra {', '.join(versions)}"
        if probed:
            common = _common(probed)
            text += f"; has {', '.join(ABILITIES[each] for each in common) or 'none of what newer versions add'}"
            lacks = [ABILITIES[each] for each in ABILITIES if each not in common]
            text += f"; lacks {', '.join(lacks)}" if lacks else ""
        yield checked(topic, text)


def _common(nodes: Iterable[NodeFacts]) -> list[str]:
    sets = [node.abilities or frozenset() for node in nodes]
    return [each for each in ABILITIES if all(each in found for found in sets)]


def _schema(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.SCHEMA
    groups = schema_groups(facts.nodes)
    if len(groups) > 1:
        yield finding(
            "schema-disagrees",
            "the cluster",
            f"the nodes hold different schemas ({'; '.join(', '.join(each) for each in groups)}): nothing is "
            "created or dropped until they agree",
            "Wait a minute and look again; 'nodetool describecluster' shows the same. One that stays behind: "
            "'nodetool resetlocalschema' on it, or restart it",
        )
    if groups:
        yield checked(topic, "all that answer agree" if len(groups) == 1 else "they disagree")


def _disk(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic, seen = DoctorTopic.DISK, 0
    for node in facts.nodes:
        word = {"FULL": "full", "STUFFED": "filling"}.get(node.disk_word)
        text = f"its peers hear that its disk is {node.disk_word}, by the guardrail data_disk_usage"
        if node.disk_share is not None:
            word = "full" if node.disk_share >= FULL_SHARE else "filling" if node.disk_share >= FILLING_SHARE else word
            text = f"its data disk is {100 * node.disk_share:.0f} % full, by its machine's provider"
        if word:
            yield finding(
                f"disk-{word}",
                _on(node),
                f"{text}: a build writes the view's rows beside what serves, and compactions need room too",
                "Add disk or nodes, or free some: 'views plan' shows what can be dropped, 'nodetool listsnapshots' "
                "what drops have left",
            )
        if node.disk_share is not None or node.disk_word in ("SPACIOUS", "STUFFED", "FULL"):
            seen += 1
        else:
            yield DoctorUnknown(
                topic=topic,
                on=_on(node),
                why="no table of the server shows its disk; set machine_command under [healing] to a command that "
                "prints disk=, or the guardrail data_disk_usage_percentage_warn_threshold",
            )
    if seen:
        yield checked(topic, f"{counted(seen, 'node')}")


def _pools(facts: DoctorFacts) -> Iterator[ReportPart]:
    for node in facts.nodes:
        state = (node.pools or {}).get("ViewMutationStage")
        if state is not None and (state.pending > MOST_QUEUED or state.blocked):
            waiting = state.pending + state.blocked
            yield finding(
                "view-writes-wait",
                _on(node),
                f"{counted(waiting, 'write')} to views wait{'s' if waiting == 1 else ''} on it: views show writes late",
                "See its load and disk; fewer views per base table, or concurrent_materialized_view_writes, help",
            )
    yield from _unread(DoctorTopic.WRITES, [node for node in facts.nodes if node.pools is None], "pools")


def _compactions(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic, seen, waiting = DoctorTopic.COMPACTION, 0, 0
    for node in facts.nodes:
        if (pending := node.pending_compactions) is not None:
            seen, waiting = seen + 1, waiting + pending
            if pending > MOST_QUEUED:
                yield finding(
                    "compaction-behind",
                    _on(node),
                    f"{counted(pending, 'compaction')} wait{'s' if pending == 1 else ''} on it: reads get slower, and "
                    "a build that adds more makes it worse",
                    "Let it catch up before a large build ('nodetool compactionstats'), or raise compaction_throughput",
                )
        elif node.error or "compactions" in node.unread or "compaction metrics" in (node.abilities or ()):
            yield from _unread(topic, [node], "compactions")
        else:
            why = "before Cassandra 6.0 no table shows pending compactions; 'nodetool compactionstats' does"
            yield DoctorUnknown(topic=topic, on=_on(node), why=why)
    if seen:
        yield checked(topic, f"{counted(waiting, 'pending compaction')} on {counted(seen, 'node')}")


def _clocks(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.CLOCKS
    known = [(node, node.clock) for node in facts.nodes if node.clock is not None]
    if not known:
        yield DoctorUnknown(topic=topic, on="the cluster", why="no node said what time it is")
        return
    latest = max(known, key=lambda each: each[1].least)
    apart = [(node, latest[1].least - clock.most) for node, clock in known]
    for node, gap in apart:
        if gap > CLOCK_LIMIT:
            yield finding(
                "clock-off",
                _on(node),
                f"its clock is at least {_seconds(gap)} behind that of {latest[0].address}: of two writes of one row "
                "the one with the later clock wins, so newer values and deletions are lost",
                "Fix NTP (chrony or ntpd) on both",
            )
    ahead = min(clock.least for _node, clock in known)
    behind = max(clock.most for _node, clock in known)
    off = ahead if ahead > CLOCK_LIMIT else -behind if -behind > CLOCK_LIMIT else None
    if off is not None:
        way = "behind" if ahead > CLOCK_LIMIT else "ahead of"
        yield finding(
            "own-clock-off",
            "this machine",
            f"its clock is at least {_seconds(off)} {way} those of the nodes: windows slide at its time",
            "Fix NTP (chrony or ntpd) on this machine",
        )
    doubt = max(clock.most - clock.least for _node, clock in known)
    yield checked(topic, f"{counted(len(known), 'node')}, as exact as their answers: within {_seconds(doubt)}")


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"


def _writes(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic, writes = DoctorTopic.WRITES, facts.writes
    if writes is None:
        return
    if writes.old_batches:
        is_one = writes.old_batches == 1 and not writes.are_more_batches
        yield finding(
            "batches-old",
            "the cluster",
            f"{writes.batches_text} {'batch' if is_one else 'batches'} of view writes {'is' if is_one else 'are'} "
            "older than 5 seconds and not delivered: rows are missing in views, and no build ends until they are",
            "See which node is down or slow ('views cluster'); they are delivered once it answers",
        )
    elif writes.old_batches == 0 and writes.are_more_batches:
        why = "a node holds more batches than were read, and none of those is old"
        yield DoctorUnknown(topic=topic, on="the cluster", why=why)
    if writes.old_hints:
        yield finding(
            "hints-old",
            "the cluster",
            f"hints that are older than 5 seconds wait on {counted(writes.old_hints, 'node')}: a replica misses writes "
            "until they are delivered",
            "Bring the node that they are for up; after max_hint_window only a repair brings the writes",
        )
    told = []
    for name, count, silent in (
        ("batches", writes.old_batches, writes.unasked),
        ("hints", writes.old_hints, writes.unasked_hints),
    ):
        if count is None:
            yield DoctorUnknown(topic=topic, on="the cluster", why=f"no node reports {name}")
        else:
            told.append(name)
            for address in silent:
                yield DoctorUnknown(topic=topic, on=f"node {address}", why=f"{name} cannot be read")
    if told:
        yield checked(topic, f"{' and '.join(told)} older than 5 seconds")


__all__ = ["ReportPart", "checked", "diagnose_nodes", "finding"]
