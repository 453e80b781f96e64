"""Where a plan is for: the head that every plan carries, whatever its steps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cassandra_views.model.schema import Keyspace
from cassandra_views.model.steps import Deferral, DropGeneration, FilePrecondition, Plan, Precondition, Refusal, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which cluster, registry and environment a plan is for.

    Args:
        registry_replication: the CQL map with which a missing registry is created.
        keyspaces: those that views.toml describes.
        data_centers: how many nodes each has.
        local_dc: the one that is read and written in, where the settings name it.
        view_budget: how many views one base table may carry.
        view_guardrail: how many the servers allow; None where they set no limit.
        audit_fresh: for how long an audit is as good as a new one when readers return to a generation.
    """

    cluster: str
    registry: str
    environment: str
    project: str
    line: str
    registry_replication: str = ""
    registry_keyspace: Keyspace | None = None
    keyspaces: tuple[Keyspace, ...] = ()
    data_centers: Mapping[str, int] = field(default_factory=dict)
    local_dc: str | None = None
    view_budget: int = 20
    view_guardrail: int | None = None
    audit_fresh: timedelta = timedelta(hours=1)
    has_snapshot_option: bool = True

    def new_plan(
        self,
        now: datetime,
        *,
        steps: tuple[Step, ...],
        preconditions: tuple[Precondition, ...],
        notes: tuple[str, ...] = (),
        withheld: tuple[DropGeneration, ...] = (),
        refused: tuple[Refusal, ...] = (),
        deferred: tuple[Deferral, ...] = (),
        files: tuple[FilePrecondition, ...] = (),
    ) -> Plan:
        """Return these steps as a plan for this target, made now."""
        return Plan(
            made_at=now,
            target=self.line,
            cluster=self.cluster,
            registry=self.registry,
            environment=self.environment,
            project=self.project,
            steps=steps,
            preconditions=preconditions,
            notes=notes,
            withheld=withheld,
            refused=refused,
            deferred=deferred,
            files=files,
        )
