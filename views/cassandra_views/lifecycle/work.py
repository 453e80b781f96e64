"""Work on one cluster: a plan is let in where it belongs and the nodes are fit, and then carried out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from cassandra_client.database import Database
from cassandra_client.errors import ConfigurationError
from cassandra_client.members import read_members
from cassandra_views.cluster.catalog import read_catalog
from cassandra_views.cluster.ddl import Ddl
from cassandra_views.cluster.lease import Lease
from cassandra_views.cluster.preflight import ClusterFacts, check_cluster, missing_grants
from cassandra_views.cluster.registry import Registry
from cassandra_views.cluster.registry_schema import SCHEMA_NUMBER
from cassandra_views.cluster.registry_upgrade import upgrade_registry
from cassandra_views.lifecycle.reports import Listener, Notice, SharedListener
from cassandra_views.lifecycle.runner import Outcome, Runner
from cassandra_views.lifecycle.waiting import BuildWait
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.steps import CreateGeneration, CreateRegistry, Plan


class Work:
    """Carries plans out on the cluster, registry and environment that it is made for.

    Args:
        clock: aware UTC; written into the registry.
        ddl_timeout_seconds: how long one CREATE or DROP may take.
        build_timeout_seconds: wall-clock limit of awaiting one build; None waits while it makes progress.
        audit_recheck_seconds: the pause before an audit looks at a difference again; it doubles with each further look.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        environment: str,
        clock: Callable[[], datetime],
        listener: Listener,
        ddl_timeout_seconds: float,
        build_timeout_seconds: float | None,
        audit_recheck_seconds: float,
    ) -> None:
        self._database = database
        self._registry = registry
        self._environment = environment
        self._clock = clock
        self._listener = listener
        self._ddl_timeout = ddl_timeout_seconds
        self._build_timeout = build_timeout_seconds
        self._audit_recheck = audit_recheck_seconds

    def carry_out(self, plan: Plan, *, without: Collection[str] = ()) -> Outcome:
        """Carry a plan out; a failure of one view, table or keyspace does not stop the others and is in the outcome.

        Args:
            without: addresses of members whose builds are not awaited where they cannot be reached.

        Raises:
            ConfigurationError: one of them is no member.
            StalePlan: the plan is for another cluster or registry, or what it was made from has changed.
            PreflightError: a node is not fit for the work; nothing was begun.
        """
        facts = check_cluster(self._database)
        self._refuse_other_target(plan, facts)
        self._refuse_strangers(without)
        if not plan.has_changes:
            return Outcome(done=0)
        bases = {
            step.view: (step.view.keyspace, step.base) for step in plan.steps if isinstance(step, CreateGeneration)
        }
        catalog = read_catalog(self._database, {keyspace for keyspace, _ in bases.values()})
        missing = missing_grants(self._database, {base for base in bases.values() if catalog.find_table(*base)})
        failures = {view: missing[base] for view, base in bases.items() if base in missing}
        for warning in facts.warnings:
            self._listener(Notice(text=warning))
        self.upgrade_registry()
        return self._runner(without).run(plan, failures)

    def upgrade_registry(self) -> None:
        """Give a registry that an older program made the columns that this one writes; needed before any write.

        Raises:
            ClusterError: a column could not be added.
        """
        number = self._registry.schema_number()
        if number is not None and number < SCHEMA_NUMBER:
            upgrade_registry(self._database, self._ddl(SharedListener(self._listener)), self._registry.keyspace, number)
            text = f"the registry {self._registry.keyspace} had schema {number} and has {SCHEMA_NUMBER} now"
            self._listener(Notice(text=text))

    def _refuse_other_target(self, plan: Plan, facts: ClusterFacts) -> None:
        here = (facts.name, self._registry.keyspace, self._environment)
        if (plan.cluster, plan.registry, plan.environment) != here:
            raise StalePlan(
                f"the plan is for cluster {plan.cluster}, registry {plan.registry}, environment {plan.environment}; "
                f"this is {', '.join(here)}",
                next="Plan again here, or name the other environment with --env",
            )
        if any(isinstance(step, CreateRegistry) for step in plan.steps) and self._registry.exists():
            raise StalePlan(
                f"the plan is stale: the registry {self._registry.keyspace} has been made since", next="Plan again"
            )

    def _refuse_strangers(self, without: Collection[str]) -> None:
        members = [member.address for member in read_members(self._database)] if without else []
        for address in without:
            if address not in members:
                raise ConfigurationError(
                    f"{address} is no member of the ring", next=f"The members are {', '.join(members)}"
                )

    def _ddl(self, listener: SharedListener) -> Ddl:
        def tell(text: str) -> None:
            listener(Notice(text=text))

        lease = Lease(
            self._database,
            self._registry.keyspace,
            owner=self._registry.author,
            ddl_timeout_seconds=self._ddl_timeout,
            on_wait=tell,
            on_pause=listener.check,
        )
        return Ddl(self._database, lease, timeout_seconds=self._ddl_timeout, on_warning=tell)

    def _runner(self, without: Collection[str]) -> Runner:
        listener = SharedListener(self._listener)
        return Runner(
            self._database,
            self._registry,
            self._ddl(listener),
            clock=self._clock,
            listener=listener,
            build_wait=BuildWait(
                self._database, listener, timeout_seconds=self._build_timeout, without=frozenset(without)
            ),
            audit_recheck_seconds=self._audit_recheck,
        )
