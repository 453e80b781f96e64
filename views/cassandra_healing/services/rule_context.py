"""The facts that the rules about a service use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cassandra_healing.mode import Mode
from cassandra_healing.operation_model import HealingAction, JournalState, Operation, OperationOutcome
from cassandra_healing.service_policy import ServiceKind, ServicePolicy
from cassandra_healing.services.model import ServiceAssessment, service_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRuleContext:
    """The facts about one service that the rules use.

    Args:
        others: the health of all services, by name.
        is_cluster_well: whether the nodes of Cassandra serve.
        journal_state: the kill switch, and this service's own skip and operations.
        policies: of all services, by name.
        mode: of the cluster, for services without their own.
    """

    health: ServiceAssessment
    others: Mapping[str, ServiceAssessment]
    is_cluster_well: bool
    journal_state: JournalState
    policies: Mapping[str, ServicePolicy]
    mode: Mode

    @property
    def policy(self) -> ServicePolicy:
        """Return what is set for this service."""
        return self.policies[self.health.service]

    @property
    def waited(self) -> timedelta:
        """Return for how long it is as it is."""
        return self.health.at - self.health.since

    @property
    def last(self) -> Operation | None:
        """Return the newest operation of this trouble that was carried out."""
        node = service_id(self.health.service)
        found = [
            operation
            for act in (HealingAction.RESTART, HealingAction.REPLACE)
            if (operation := self.journal_state.last(act, node, self.health.since))
            and operation.outcome is not OperationOutcome.REFUSED
        ]
        return max(found, key=lambda operation: operation.begun_at, default=None)

    def has(self, act: HealingAction, outcome: OperationOutcome | None = None) -> bool:
        """Tell whether something was done, or refused, in this trouble."""
        found = self.journal_state.last(act, service_id(self.health.service), self.health.since)
        return found is not None and (outcome is None or found.outcome is outcome)


def needs_of(name: str, policies: Mapping[str, ServicePolicy]) -> tuple[str, ...]:
    """Return what a service needs: what is named, and for a Spark worker its master."""
    own = policies[name]
    masters = [
        other
        for other, policy in policies.items()
        if own.kind is ServiceKind.SPARK_WORKER and policy.kind is ServiceKind.SPARK_MASTER and policy.page == own.page
    ]
    return tuple(dict.fromkeys((*own.needs, *masters)))


def longest_duration(policy: ServicePolicy) -> timedelta:
    """Return the longest time that a process can take for an operation."""
    return timedelta(seconds=policy.command_seconds + 60)
