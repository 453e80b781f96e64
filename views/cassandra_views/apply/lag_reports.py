"""Measuring several views, one report for each; what was measured is kept in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.apply.lag import LagMeter
from cassandra_views.apply.node_writes import read_node_writes
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.lag import LagBound, LagPolicy, MeasuredLag, NodeLag, PendingWrites
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration, Plan
from cassandra_views.model.times import duration_text
from cassandra_views.plan.catalog import find_view_and_base
from cassandra_views.registry.facts import FactWriter
from cassandra_views.registry.store import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class LagReport:
    """What was measured of one view, and what nodes say beside it.

    Args:
        nodes: of a canary row, what each node showed; empty for a sample.
        error: why it was not measured; what the registry holds of before stays then.
    """

    view: ViewName
    lag: MeasuredLag
    promise: timedelta | None = None
    nodes: tuple[NodeLag, ...] = ()
    writes: PendingWrites = field(default_factory=PendingWrites)
    error: ViewsError | None = None

    @property
    def is_broken(self) -> bool:
        """Tell whether the view's promise is broken."""
        return self.lag.is_broken(self.promise)

    @property
    def lag_promise(self) -> str:
        """Whether the promise is ``kept`` or ``broken``, or that is ``unknown``; empty where nothing is promised."""
        return self.lag.promise_text(self.promise)


class LagMeasurement:
    """Measures the lag of what serves of several views.

    Args:
        policies: what the views' files say of their lag.
        clock: aware UTC; when it was measured.
        patience_seconds: how long rows are waited for, or a fifth longer than the view's promise.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        policies: Mapping[ViewName, LagPolicy],
        *,
        clock: Callable[[], datetime],
        patience_seconds: float,
    ) -> None:
        self._database = database
        self._registry = registry
        self._policies = policies
        self._clock = clock
        self._patience_seconds = patience_seconds

    def run(self, plan: Plan) -> tuple[LagReport, ...]:
        """Measure the newest generation of each view that a plan audits; one that fails holds up no other one.

        Raises:
            ClusterError: no node can be asked.
        """
        reports = []
        for refused in plan.refused:
            keyspace, _dot, name = refused.view.partition(".")
            reports.append(self._failed(ViewName(keyspace=keyspace, view=name), refused.as_error()))
        newest = {step.view: step.number for step in plan.steps if isinstance(step, AuditGeneration)}
        for view, number in newest.items():
            try:
                reports.append(self._measure(view, number))
            except ViewsError as error:
                reports.append(self._failed(view, error))
        if not reports:
            return ()
        writes = read_node_writes(self._database)
        return tuple(replace(each, writes=writes.pending(each.promise)) for each in reports)

    def _policy(self, view: ViewName) -> LagPolicy:
        return self._policies.get(view, LagPolicy())

    def _failed(self, view: ViewName, error: ViewsError) -> LagReport:
        lag = MeasuredLag(seconds=None, bound=LagBound.EXACT, at=self._clock(), found=error.what)
        return LagReport(view=view, lag=lag, promise=self._policy(view).promise, error=error)

    def _measure(self, view: ViewName, number: int) -> LagReport:
        policy = self._policy(view)
        each = self._registry.read(view).find(number)
        found = find_view_and_base(self._database, view.keyspace, each.physical) if each is not None else None
        if found is None or each is None:
            raise ClusterError("it is no longer in the schema", on=f"{view} generation {number}", next="Run apply")
        promised = policy.promise.total_seconds() if policy.promise else 0.0
        patience = max(self._patience_seconds, 1.2 * promised)
        meter = LagMeter(self._database, *found, clock=self._clock, patience_seconds=patience)
        nodes: tuple[NodeLag, ...] = ()
        relations = parse_view(each.cql).where
        if policy.probe:
            lag, nodes = meter.by_canary(policy.probe, relations)
        else:
            lag = meter.by_sample(relations)
        report = LagReport(view=view, lag=lag, promise=policy.promise, nodes=nodes)
        FactWriter(self._registry).write_lag(view, lag)
        if report.is_broken and policy.promise:
            detail = f"its lag is {lag}, and its file promises {duration_text(policy.promise)}"
            self._registry.note_event(view, "promise broken", number=number, detail=detail)
        return report


__all__ = ["LagMeasurement", "LagReport"]
