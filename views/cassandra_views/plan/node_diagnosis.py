"""What nodes say that stands in the way of views, or will bite: switches, versions, disk, clocks, writes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from cassandra_views.model.diagnosis import CODES, DoctorCheck, DoctorFinding, DoctorTopic, DoctorUnknown
from cassandra_views.model.names import counted
from cassandra_views.plan.doctor_facts import ABILITIES, DoctorFacts, NodeFacts

Part = DoctorFinding | DoctorCheck | DoctorUnknown

MOST_QUEUED = 100
"""So many compactions, or writes to views, may wait on a node."""
CLOCK_LIMIT = timedelta(seconds=1)
"""How far clocks may be apart."""
FULL_SHARE, FILLING_SHARE = 0.9, 0.75
"""A data disk this full is full, or getting full: a build and its compactions need room beside what is there."""

_SAFE_CONSISTENCIES = ("ONE", "LOCAL_QUORUM", "QUORUM", "SERIAL")
"""Those that the manager reads and writes at."""


def diagnose_nodes(facts: DoctorFacts) -> Iterator[Part]:
    """Yield what the nodes' own answers tell."""
    for look in (_nodes, _settings, _versions, _schema, _disk, _pools, _clocks, _writes):
        yield from look(facts)


def found(code: str, on: str, what: str, next: str) -> DoctorFinding:
    """Return a finding of this code."""
    kind = CODES[code]
    return DoctorFinding(code=code, severity=kind.severity, topic=kind.topic, on=on, what=what, next=next)


def checked(topic: DoctorTopic, text: str) -> DoctorCheck:
    """Return that a topic was looked at."""
    return DoctorCheck(topic=topic, found=text)


def _unasked(topic: DoctorTopic, nodes: Iterable[NodeFacts], what: str) -> Iterator[DoctorUnknown]:
    """Yield that nodes did not tell of their settings, abilities or pools."""
    for node in nodes:
        why = node.error or node.unread.get(what, "it did not say")
        yield DoctorUnknown(topic=topic, on=_on(node), why=f"{what} cannot be read: {why}")


def _on(node: NodeFacts) -> str:
    return f"node {node.address}"


def _nodes(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.NODES
    down = [node for node in facts.nodes if node.error]
    for node in facts.nodes:
        if node.error:
            what = f"it does not answer ({node.error}): no build ends before it does, and view writes for it wait"
            yield found("node-down", _on(node), what, "Start it, or see 'views cluster' for what is proposed")
        elif node.is_moving:
            yield found(
                "node-moving",
                _on(node),
                f"it changes its place in the ring ({node.state}): nothing is created or dropped until it is done",
                "Wait until it is done ('nodetool netstats' shows how far it is)",
            )
        elif not node.state:
            yield DoctorUnknown(topic=topic, on=_on(node), why="no node's gossip could be read")
    yield checked(topic, f"{len(facts.nodes) - len(down)} of {counted(len(facts.nodes), 'node')} answer")


def _settings(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.SWITCHES
    read = [node for node in facts.nodes if node.settings is not None]
    for node in read:
        settings = node.settings or {}
        enabled = [value for name, value in settings.items() if name.endswith("materialized_views")] + [
            settings[name] for name in ("materialized_views_enabled",) if name in settings
        ]
        if enabled and "true" not in enabled:
            yield found(
                "views-disabled",
                _on(node),
                "materialized views are disabled on it: it refuses to create any",
                "Set materialized_views_enabled: true in cassandra.yaml on every node and restart it",
            )
        if settings.get("hinted_handoff_enabled") == "false":
            yield found(
                "hints-disabled",
                _on(node),
                "hinted handoff is disabled on it: a view write that another node misses is lost to the view until a "
                "repair",
                "Set hinted_handoff_enabled: true in cassandra.yaml, or run 'nodetool enablehandoff' on it",
            )
        for name in ("read_consistency_levels_disallowed", "write_consistency_levels_disallowed"):
            words = {each.strip(" []'\"{}").upper() for each in settings.get(name, "").split(",")}
            if forbidden := [each for each in _SAFE_CONSISTENCIES if each in words]:
                yield found(
                    "consistency-forbidden",
                    _on(node),
                    f"{name} forbids {', '.join(forbidden)}, which the manager and readers use",
                    f"Take {', '.join(forbidden)} out of {name} in cassandra.yaml",
                )
        if settings.get("user_timestamps_enabled") == "false" and facts.probed:
            yield found(
                "timestamps-forbidden",
                _on(node),
                f"user_timestamps_enabled is false, and the canary row of {', '.join(facts.probed)} needs one",
                "Set user_timestamps_enabled: true, or take 'probe' out of the view's file",
            )
    yield from _unasked(topic, [node for node in facts.nodes if node.settings is None], "settings")
    if read:
        yield checked(topic, f"views and hints, on {counted(len(read), 'node')}")


def _versions(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.VERSIONS
    known = [node for node in facts.nodes if node.version]
    for node in known:
        if node.version < facts.oldest_version:
            yield found(
                "version-too-old",
                _on(node),
                f"it runs Cassandra {_dotted(node.version)}, and {_dotted(facts.oldest_version)} is the oldest that "
                "this program works with",
                "Upgrade it",
            )
    versions = sorted({_dotted(node.version) for node in known})
    probed = [node for node in known if node.abilities is not None]
    sets = {node.abilities for node in probed}
    if len(versions) > 1 or len(sets) > 1:
        groups = "; ".join(
            f"{version} on {', '.join(node.address for node in known if _dotted(node.version) == version)}"
            for version in versions
        )
        some = sorted({each for node in probed for each in (node.abilities or ())} - set(_common(probed)))
        apart = f", and only some allow {', '.join(ABILITIES[each] for each in some)}" if some else ""
        yield found(
            "versions-differ",
            "the cluster",
            f"the nodes run different versions ({groups}){apart}: schema changes may not reach nodes of another major "
            "version",
            "Finish the upgrade before views are created or dropped",
        )
    yield from _unasked(topic, [node for node in facts.nodes if node.abilities is None], "abilities")
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


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _schema(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.SCHEMA
    groups: dict[str, list[str]] = {}
    for node in facts.nodes:
        if node.schema:
            groups.setdefault(node.schema, []).append(node.address)
    if len(groups) > 1:
        yield found(
            "schema-disagrees",
            "the cluster",
            f"the nodes hold different schemas ({'; '.join(', '.join(each) for each in groups.values())}): nothing is "
            "created or dropped until they agree",
            "Wait a minute and look again; 'nodetool describecluster' shows the same. One that stays behind: "
            "'nodetool resetlocalschema' on it, or restart it",
        )
    if groups:
        yield checked(topic, "all that answer agree" if len(groups) == 1 else "they disagree")


def _disk(facts: DoctorFacts) -> Iterator[Part]:
    topic, seen = DoctorTopic.DISK, 0
    for node in facts.nodes:
        word = {"FULL": "full", "STUFFED": "filling"}.get(node.disk_word)
        text = f"its peers hear that its disk is {node.disk_word}, by the guardrail data_disk_usage"
        if node.disk_share is not None:
            word = "full" if node.disk_share >= FULL_SHARE else "filling" if node.disk_share >= FILLING_SHARE else word
            text = f"its data disk is {100 * node.disk_share:.0f} % full, by its machine's provider"
        if word:
            yield found(
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


_POOLS = {
    "CompactionExecutor": (
        "compaction-behind",
        "compactions wait on it: reads get slower, and a build that adds more makes it worse",
        "Let it catch up before a large build ('nodetool compactionstats'), or raise compaction_throughput",
    ),
    "ViewMutationStage": (
        "view-writes-wait",
        "writes to views wait on it: views show writes late",
        "See its load and disk; fewer views per base table, or concurrent_materialized_view_writes, help",
    ),
}


def _pools(facts: DoctorFacts) -> Iterator[Part]:
    for name, (code, what, next_) in _POOLS.items():
        for node in facts.nodes:
            state = (node.pools or {}).get(name)
            if state is not None and (state.pending > MOST_QUEUED or state.blocked):
                yield found(code, _on(node), f"{state.pending + state.blocked:,} {what}", next_)
    read = [node for node in facts.nodes if node.pools is not None]
    yield from _unasked(DoctorTopic.COMPACTION, [node for node in facts.nodes if node.pools is None], "pools")
    if read:
        pools = [pool for node in read if (pool := (node.pools or {}).get("CompactionExecutor")) is not None]
        waiting = sum(pool.pending for pool in pools)
        yield checked(DoctorTopic.COMPACTION, f"{counted(waiting, 'queued compaction')} in all")


def _clocks(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.CLOCKS
    known = [(node, node.clock) for node in facts.nodes if node.clock is not None]
    if not known:
        yield DoctorUnknown(topic=topic, on="the cluster", why="no node said what time it is")
        return
    latest = max(known, key=lambda each: each[1].least)
    apart = [(node, latest[1].least - clock.most) for node, clock in known]
    for node, gap in apart:
        if gap > CLOCK_LIMIT:
            yield found(
                "clock-off",
                _on(node),
                f"its clock is at least {_seconds(gap)} behind that of {latest[0].address}: of two writes of one row "
                "the one with the later clock wins, so newer values and deletions are lost",
                "Correct the time service (chrony, ntpd) on both",
            )
    ahead = min(clock.least for _node, clock in known)
    behind = max(clock.most for _node, clock in known)
    off = ahead if ahead > CLOCK_LIMIT else -behind if -behind > CLOCK_LIMIT else None
    if off is not None:
        way = "behind" if ahead > CLOCK_LIMIT else "ahead of"
        yield found(
            "own-clock-off",
            "this machine",
            f"its clock is at least {_seconds(off)} {way} those of the nodes: windows slide at its time",
            "Correct the time service (chrony, ntpd) on this machine",
        )
    doubt = max(clock.most - clock.least for _node, clock in known)
    yield checked(topic, f"{counted(len(known), 'node')}, as exact as their answers: within {_seconds(doubt)}")


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"


def _writes(facts: DoctorFacts) -> Iterator[Part]:
    topic, writes = DoctorTopic.WRITES, facts.writes
    if writes is None:
        return
    if writes.old_batches:
        yield found(
            "batches-old",
            "the cluster",
            f"{writes.old_batches:,} of view writes, older than 5 seconds, are not delivered: rows are missing in "
            "views, and no build ends until they are",
            "See which node is down or slow ('views cluster'); they are delivered once it answers",
        )
    if writes.old_hints:
        yield found(
            "hints-old",
            "the cluster",
            f"hints that are older than 5 seconds wait on {counted(writes.old_hints, 'node')}: a replica misses writes "
            "until they are delivered",
            "Bring the node that they are for up; after max_hint_window only a repair brings the writes",
        )
    unknown = [name for name, count in (("batches", writes.old_batches), ("hints", writes.old_hints)) if count is None]
    if unknown:
        yield DoctorUnknown(topic=topic, on="the cluster", why=f"no node tells of {' and '.join(unknown)}")
    if len(unknown) < 2:
        yield checked(topic, "those older than 5 seconds")


__all__ = ["Part", "checked", "diagnose_nodes", "found"]
