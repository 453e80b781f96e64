"""What `views doctor` says: findings, what was looked at, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cassandra_views.model.names import counted


class DoctorSeverity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """It stands in the way: something is refused, or readers see wrong rows, now."""
    WARNING = "warning"
    """It will bite: the work goes on, and a foreseeable event makes it fail."""
    NOTE = "note"
    """Good to know."""


class DoctorTopic(StrEnum):
    """What is looked at, in the order in which it is shown."""

    NODES = "nodes"
    SWITCHES = "switches"
    VERSIONS = "versions"
    SCHEMA = "schema agreement"
    DISK = "disk"
    COMPACTION = "compaction"
    REPAIR = "repair"
    GUARDRAILS = "guardrails"
    ROLES = "roles"
    CLOCKS = "clocks"
    WRITES = "batches and hints"
    REGISTRY = "registry"
    READERS = "readers"
    VIEWS = "views"
    CONNECTIONS = "connections"


@dataclass(frozen=True, slots=True)
class DoctorCode:
    """What a code of findings says, how much it matters, and which topic it belongs to."""

    severity: DoctorSeverity
    topic: DoctorTopic
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """One thing that stands in the way, will bite, or is good to know.

    Args:
        code: one of ``CODES``.
        on: the node, table or view.
        what: what was found, and what it means.
        next: what to do.
    """

    code: str
    severity: DoctorSeverity
    topic: DoctorTopic
    on: str
    what: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """A topic that was looked at, and what there is of it, in words."""

    topic: DoctorTopic
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorUnknown:
    """Something that could not be looked at, and why; what has one reason is one of these."""

    topic: DoctorTopic
    on: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """All that was found, the findings that matter most first within their topic."""

    at: datetime
    cluster: str
    registry: str
    findings: tuple[DoctorFinding, ...] = ()
    checks: tuple[DoctorCheck, ...] = ()
    unknown: tuple[DoctorUnknown, ...] = ()

    def count(self, severity: DoctorSeverity) -> int:
        """Return how many findings are of a severity."""
        return sum(each.severity is severity for each in self.findings)

    @property
    def has_problems(self) -> bool:
        """Tell whether anything was found that is more than a note."""
        return any(each.severity is not DoctorSeverity.NOTE for each in self.findings)

    @property
    def topics(self) -> tuple[DoctorTopic, ...]:
        """The topics with findings, in their order."""
        found = {each.topic for each in self.findings}
        return tuple(each for each in DoctorTopic if each in found)

    def findings_of(self, topic: DoctorTopic) -> tuple[DoctorFinding, ...]:
        """Return the findings of a topic."""
        return tuple(each for each in self.findings if each.topic is topic)

    @property
    def summary(self) -> str:
        """The report in one line."""
        parts = [counted(count, each.value) for each in DoctorSeverity if (count := self.count(each))]
        found = (
            ", ".join(parts) if parts else "Nothing found in what could be read" if self.unknown else "Nothing found"
        )
        unknown = f"; {counted(len(self.unknown), 'thing')} could not be looked at" if self.unknown else ""
        return f"{found}: {counted(len(self.checks), 'topic')} looked at{unknown}."

    @classmethod
    def from_parts(
        cls,
        *,
        at: datetime,
        cluster: str,
        registry: str,
        parts: Iterable[DoctorFinding | DoctorCheck | DoctorUnknown],
    ) -> DoctorReport:
        """Sort what was found into a report."""
        parts = list(parts)
        topics, severities = list(DoctorTopic), list(DoctorSeverity)
        findings = [each for each in parts if isinstance(each, DoctorFinding)]
        checks = [each for each in parts if isinstance(each, DoctorCheck)]
        gaps: dict[tuple[DoctorTopic, str], list[str]] = {}
        for each in parts:
            if isinstance(each, DoctorUnknown):
                gaps.setdefault((each.topic, each.why), []).append(each.on)
        unknown = [DoctorUnknown(topic=topic, on=", ".join(sorted(on)), why=why) for (topic, why), on in gaps.items()]
        findings.sort(key=lambda each: (topics.index(each.topic), severities.index(each.severity), each.code, each.on))
        return cls(
            at=at,
            cluster=cluster,
            registry=registry,
            findings=tuple(findings),
            checks=tuple(sorted(checks, key=lambda each: topics.index(each.topic))),
            unknown=tuple(sorted(unknown, key=lambda each: (topics.index(each.topic), each.on))),
        )


CODES = {
    "node-down": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.NODES, "a node does not answer"),
    "node-unreachable": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.NODES, "a node does not answer this machine, and its peers hear it"
    ),
    "node-moving": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.NODES, "a node joins, leaves or moves"),
    "views-disabled": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.SWITCHES, "materialized views are switched off on a node"
    ),
    "hints-disabled": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.SWITCHES, "hinted handoff is switched off on a node"
    ),
    "version-too-old": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.VERSIONS, "a node runs a Cassandra that is too old"
    ),
    "versions-differ": DoctorCode(
        DoctorSeverity.WARNING,
        DoctorTopic.VERSIONS,
        "the nodes run different major versions, or allow different things",
    ),
    "schema-disagrees": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.SCHEMA, "the nodes hold different schemas"),
    "disk-full": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.DISK, "a node's disk is full"),
    "disk-filling": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.DISK, "a node's disk is getting full"),
    "compaction-behind": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.COMPACTION, "compactions wait on a node"),
    "view-writes-wait": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.WRITES, "writes to views wait on a node"),
    "repair-overdue": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.REPAIR, "a base table was not repaired in time"),
    "no-room-for-a-view": DoctorCode(
        DoctorSeverity.ERROR,
        DoctorTopic.GUARDRAILS,
        "a guardrail or the budget leaves a base table no room for a next generation",
    ),
    "consistency-forbidden": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.GUARDRAILS, "a guardrail forbids a consistency level that is used here"
    ),
    "timestamps-forbidden": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.GUARDRAILS, "a guardrail forbids USING TIMESTAMP, which a canary row needs"
    ),
    "options-forbidden": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.GUARDRAILS, "a guardrail forbids or drops an option that views are made with"
    ),
    "filtering-forbidden": DoctorCode(
        DoctorSeverity.NOTE, DoctorTopic.GUARDRAILS, "a guardrail forbids ALLOW FILTERING, so audits read more"
    ),
    "no-room-for-tables": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.GUARDRAILS, "a guardrail leaves no room for tables that the next apply makes"
    ),
    "view-count-warned": DoctorCode(
        DoctorSeverity.NOTE, DoctorTopic.GUARDRAILS, "a next generation makes the servers warn of too many views"
    ),
    "grants-missing": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.ROLES, "the role lacks permissions"),
    "logins-fragile": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.ROLES, "roles have one replica in a data centre, or none"
    ),
    "clock-off": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.CLOCKS, "a node's clock is behind another one's"),
    "own-clock-off": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.CLOCKS, "the clock of this machine differs from those of the nodes"
    ),
    "batches-old": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.WRITES, "batches of view writes are not delivered"),
    "hints-old": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.WRITES, "hints are not delivered"),
    "registry-missing": DoctorCode(DoctorSeverity.NOTE, DoctorTopic.REGISTRY, "there is no registry yet"),
    "registry-older": DoctorCode(
        DoctorSeverity.NOTE, DoctorTopic.REGISTRY, "the registry was made by an older program"
    ),
    "registry-unusable": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.REGISTRY, "this program cannot use the registry"),
    "registry-unanswered": DoctorCode(DoctorSeverity.ERROR, DoctorTopic.REGISTRY, "the registry cannot be read"),
    "registry-no-quorum": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.REGISTRY, "a quorum of the registry's replicas can never answer"
    ),
    "registry-replicas": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.REGISTRY, "the registry has too few replicas, or too many"
    ),
    "grace-too-short": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.READERS, "a view's grace is shorter than twice the readers' cache time"
    ),
    "view-wrong": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.VIEWS, "a view is missing, fails, or is not what its base holds"
    ),
    "view-needs-attention": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.VIEWS, "a view is suspect, stale, frozen, or waits for a person"
    ),
    "build-stalled": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.VIEWS, "a build makes no progress, or no run continues it"
    ),
    "view-late": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.VIEWS, "a view does not keep what its file promises"),
    "view-fails": DoctorCode(DoctorSeverity.WARNING, DoctorTopic.VIEWS, "the last runs of a view failed"),
    "view-pending": DoctorCode(DoctorSeverity.NOTE, DoctorTopic.VIEWS, "a view has a file, and nothing of it exists"),
    "view-changed": DoctorCode(
        DoctorSeverity.NOTE, DoctorTopic.VIEWS, "a view's file says something else than what serves"
    ),
    "view-unaudited": DoctorCode(DoctorSeverity.NOTE, DoctorTopic.VIEWS, "a view serves that was never audited"),
    "view-unread": DoctorCode(
        DoctorSeverity.NOTE, DoctorTopic.VIEWS, "no partition of a view was read since it serves"
    ),
    "one-contact-point": DoctorCode(DoctorSeverity.NOTE, DoctorTopic.CONNECTIONS, "there is only one contact point"),
    "no-local-dc": DoctorCode(
        DoctorSeverity.WARNING, DoctorTopic.CONNECTIONS, "no local data centre is named, and there are several"
    ),
    "service-down": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.CONNECTIONS, "a service that is watched does not work"
    ),
    "spark-master-unreachable": DoctorCode(
        DoctorSeverity.ERROR, DoctorTopic.CONNECTIONS, "the Spark master of audits cannot be reached over SSH"
    ),
}
"""Every code of a finding."""

__all__ = [
    "CODES",
    "DoctorCheck",
    "DoctorCode",
    "DoctorFinding",
    "DoctorReport",
    "DoctorSeverity",
    "DoctorTopic",
    "DoctorUnknown",
]
