"""``/metrics``, ``/healthz`` and ``/readyz``: for Prometheus, and for what starts and balances processes.

The gauges are what the registry holds when Prometheus asks; a cluster that is away is a number too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import orjson
from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cassandra_client.errors import ViewsError
from cassandra_views.apply.builds import BuildProgress
from cassandra_views.model.audit_result import DifferenceKind
from cassandra_views.model.generation import Audit, Generation, State
from cassandra_views.overview.cluster_health import RecordedHealth
from cassandra_views.overview.queries import Overview, build_query
from cassandra_views.overview.query_runner import RegistryQuery
from cassandra_views.overview.view_rows import ViewRow, rows_of
from cassandra_views.web.app_state import AppState
from cassandra_views.web.read_metrics import registry_of_process

_RETRY_SECONDS = 5
KEEP_SECONDS = 5.0
"""How old the answer may be: several processes, or several Prometheus, ask one after the other."""

_MOST_BUILDS = 16
"""Builds of which it is asked how far they are: each asks every node."""

GAUGES = {
    "registry_up": ("1 where the registry could be read, else 0 and all others are absent", ()),
    "view_condition": ("1 for the condition that the view is in", ("condition",)),
    "serving_generation": ("The number of the newest generation that serves; absent where nothing serves", ()),
    "generations": ("Generations that exist, by state", ("state",)),
    "rows": ("Rows of what serves, as its last audit counted them", ()),
    "slide_lag_seconds": ("How late the slide of the window is; 0 where none is due", ()),
    "promise_broken": ("1 where the slide is later than max_lag of the view's file, 0 where not", ()),
    "promise_broken_seconds": ("By how much it is later", ()),
    "build_progress_ratio": ("About how much of a running build is done, 0 to 1", ("generation",)),
    "build_running_seconds": ("For how long a build that is not over has been running", ("generation",)),
    "build_seconds": ("How long the build of a generation took", ("generation",)),
    "audit_failed": ("1 where the last audit of what serves found differences, 0 where it found none", ()),
    "audit_differences": ("How many it found, at least", ("kind",)),
    "audit_skipped_rows": ("Rows of what serves that its last audit did not compare, as they were too new", ()),
    "audit_age_seconds": ("How long ago what serves was last audited, the oldest of it", ()),
    "lag_seconds": ("How long after a write of its base the view showed it, when that was measured last", ("bound",)),
    "lag_age_seconds": ("How long ago that was measured", ()),
    "lag_promise_broken": (
        "1 where that breaks the lag.promise of the file, 0 where it is kept; absent if unknown",
        (),
    ),
    "suspect": ("1 where something happened that can make what serves differ from its base, 0 where not", ()),
    "failed_runs": ("Runs of the schedule in a row that failed", ()),
    "override": ("1 where a person, or too many failed runs, decided over the view's file", ("kind",)),
}
"""Each is named ``cassandra_views_<name>`` and has the labels ``keyspace`` and ``view`` first, but the first one."""


NODE_GAUGES = {
    "node_verdict": ("1 for the verdict on the node, by its recorded health", ("verdict",)),
    "node_verdict_age_seconds": ("For how long it has been so", ()),
    "node_look_age_seconds": ("How long ago somebody looked at the nodes last", None),
    "service_verdict": ("1 for the verdict on what works beside the nodes", ("verdict",)),
    "healing_stopped": ("1 where a person switched healing off, 0 where not", None),
    "healing_under_way": ("1 where a restart or replacement of the node or service is under way", ("act",)),
}
"""As ``GAUGES``, with the label ``node`` or ``service`` first; None: no label. Absent where no health is kept."""


def probes_blueprint(state: AppState) -> Blueprint:
    """Return the addresses that programs ask."""
    probes = Blueprint("views_probes", __name__)
    of_registry = CollectorRegistry()
    of_registry.register(ViewsCollector(state))

    @probes.after_request
    def with_headers(answer: Response) -> Response:
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    def metrics() -> Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        both = _Both(of_registry, registry_of_process())
        return Response(encode(both), content_type=content_type)

    def healthz() -> Response:
        return _json({"status": "alive"})

    def readyz() -> Response:
        try:
            overview = state.queries.ask(state.overview)
        except ViewsError as error:
            parts = {"what": error.what, "on": error.on, "remains": error.remains, "next": error.next}
            return _json({"status": "unready", **parts}, status=503)
        views = {
            str(row.status.name): {"condition": row.status.condition, "serving": list(row.status.serving)}
            for row in rows_of(overview)
        }
        return _json({"status": "ready", "cluster": overview.cluster, "registry": overview.registry, "views": views})

    options = state.options
    for path, view in ((options.metrics_path, metrics), (options.health_path, healthz), (options.ready_path, readyz)):
        if path:
            probes.add_url_rule(path, view_func=view)
    return probes


class _Both:
    """Two registries as one, in the form that prometheus_client's encoders take."""

    def __init__(self, *registries: CollectorRegistry) -> None:
        self._registries = registries

    def collect(self) -> Any:
        for each in self._registries:
            yield from each.collect()


def _json(value: dict[str, Any], *, status: int = 200) -> Response:
    found = Response(orjson.dumps(value), status=status, content_type="application/json")
    if status == 503:
        found.headers["Retry-After"] = str(_RETRY_SECONDS)
    return found


class ViewsCollector(Collector):
    """Makes the gauges of one registry; never raises, never waits longer than a page does."""

    def __init__(self, state: AppState) -> None:
        self._queries = state.queries
        self._overview = replace(state.overview, keep_seconds=KEEP_SECONDS)
        self._recorded_health = replace(state.recorded_health, keep_seconds=KEEP_SECONDS)

    def collect(self) -> Iterable[Metric]:
        """Return the gauges of now, or of a moment ago."""
        try:
            overview = self._queries.ask(self._overview)
        except ViewsError:
            yield _family("registry_up", 0.0)
            return
        yield _family("registry_up", 1.0)
        rows = rows_of(overview)
        families = {
            name: GaugeMetricFamily(f"cassandra_views_{name}", text, labels=["keyspace", "view", *labels])
            for name, (text, labels) in GAUGES.items()
            if name != "registry_up"
        }
        looks, kept = self._more(rows)
        for row in rows:
            name = row.status.name
            for gauge, labels, value in _of_view(row, overview, looks):
                families[gauge].add_metric([name.keyspace, name.view, *labels], value)
        yield from families.values()
        if kept is not None:
            yield from _of_nodes(kept)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry is not looked at before Prometheus asks."""
        return ()

    def _more(self, rows: list[ViewRow]) -> tuple[dict[tuple[str, int], BuildProgress], RecordedHealth | None]:
        """Ask for builds and the nodes' health; what is not answered is left out."""
        building = [(row.record.name, each) for row in rows for each in row.record.in_state(State.BUILDING)]
        looks = [build_query(name, each) for name, each in building[:_MOST_BUILDS]]
        queries: list[RegistryQuery[Any]] = [self._recorded_health]
        queries += [replace(each, keep_seconds=KEEP_SECONDS) for each in looks]
        kept, *answers = self._queries.ask_all(queries)
        builds = zip(building, answers, strict=False)
        found = {(str(name), each.number): look for (name, each), look in builds if isinstance(look, BuildProgress)}
        return found, kept if isinstance(kept, RecordedHealth) else None


def _of_view(
    row: ViewRow, overview: Overview, looks: dict[tuple[str, int], BuildProgress]
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    status, record, now = row.status, row.record, overview.at
    yield "view_condition", (status.condition,), 1.0
    states: dict[State, int] = {}
    for each in record.generations:
        states[each.state] = states.get(each.state, 0) + 1
        yield from _of_generation(each, row, looks)
    for state, count in states.items():
        yield "generations", (state.value,), float(count)
    yield "failed_runs", (), float(record.failures)
    if record.override and record.override.holds(now):
        yield "override", (record.override.kind.value,), 1.0
    if not row.serving:
        return
    if status.lag_measured_at is not None:
        yield "lag_age_seconds", (), max(0.0, (now - status.lag_measured_at).total_seconds())
        if status.measured_lag_seconds is not None:
            yield "lag_seconds", (status.measured_lag_bound,), status.measured_lag_seconds
        if status.lag_promise in ("kept", "broken"):
            yield "lag_promise_broken", (), float(status.lag_promise == "broken")
    yield "suspect", (), float(status.suspect_since is not None)
    yield "serving_generation", (), float(row.serving[-1].number)
    if status.rows is not None:
        yield "rows", (), float(status.rows)
    lag = status.slide_lag_seconds
    if lag is None and status.next_due is not None and not overview.has_files:
        lag = (now - status.next_due).total_seconds()
    yield "slide_lag_seconds", (), max(0.0, lag or 0.0)
    if status.promise:
        yield "promise_broken", (), float(status.promise == "broken")
        yield "promise_broken_seconds", (), status.broken_by_seconds or 0.0
    audited = [each.audited_at for each in row.serving if each.audited_at]
    if audited:
        yield "audit_age_seconds", (), max(0.0, (now - min(audited)).total_seconds())
    if row.audit:
        yield "audit_failed", (), float(row.audit is Audit.FAILED)
        verdicts = [each.verdict for each in row.serving if each.verdict is not None]
        if verdicts:
            for kind in DifferenceKind:
                yield "audit_differences", (kind.value,), float(sum(each.counts[kind] for each in verdicts))
            yield "audit_skipped_rows", (), float(sum(each.skipped_rows for each in verdicts))


def _of_generation(
    each: Generation, row: ViewRow, looks: dict[tuple[str, int], BuildProgress]
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    number = (str(each.number),)
    if each.created_at and each.built_at:
        yield "build_seconds", number, (each.built_at - each.created_at).total_seconds()
    elif each.created_at and each.state is State.BUILDING:
        yield "build_running_seconds", number, max(0.0, (row.now - each.created_at).total_seconds())
    look = looks.get((str(row.record.name), each.number))
    if look is not None:
        yield "build_progress_ratio", number, look.share


def labels_of_nodes(name: str) -> tuple[str, ...]:
    """Return the labels of one of ``NODE_GAUGES``."""
    labels = NODE_GAUGES[name][1]
    return () if labels is None else ("service" if name.startswith("service_") else "node", *labels)


def _of_nodes(kept: RecordedHealth) -> Iterator[GaugeMetricFamily]:
    found = {
        name: GaugeMetricFamily(f"cassandra_views_{name}", text, labels=labels_of_nodes(name))
        for name, (text, _labels) in NODE_GAUGES.items()
    }
    for each in kept.nodes:
        node = str(each.node.id)
        found["node_verdict"].add_metric((node, each.verdict.value), 1.0)
        found["node_verdict_age_seconds"].add_metric((node,), max(0.0, (kept.at - each.since).total_seconds()))
    for service in kept.services:
        found["service_verdict"].add_metric((str(service.node.id), service.verdict.value), 1.0)
    if kept.assessment is not None:
        found["node_look_age_seconds"].add_metric((), max(0.0, (kept.at - kept.assessment.at).total_seconds()))
    found["healing_stopped"].add_metric((), float(kept.journal_state.stopped is not None))
    for operation in kept.journal_state.all_under_way:
        found["healing_under_way"].add_metric((str(operation.node), operation.act.value), 1.0)
    yield from found.values()


def _family(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cassandra_views_{name}", GAUGES[name][0], value=value)
