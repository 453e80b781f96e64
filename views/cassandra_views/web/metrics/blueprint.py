"""``/metrics``, ``/healthz`` and ``/readyz``: for Prometheus, and for whoever starts and balances processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from cassandra_client.errors import ViewsError
from cassandra_views.overview.row import rows_of
from cassandra_views.web.metrics.collector import ViewsCollector
from cassandra_views.web.metrics.reads import registry_of_process

if TYPE_CHECKING:
    from cassandra_views.web.options import WebOptions
    from cassandra_views.web.watch import Watch

_RETRY_SECONDS = 5


def probes_blueprint(watch: Watch, options: WebOptions) -> Blueprint:
    """Return the addresses that programs ask."""
    probes = Blueprint("views_probes", __name__)
    of_registry = CollectorRegistry()
    of_registry.register(ViewsCollector(watch))

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
            overview = watch.overview()
        except ViewsError as error:
            parts = {"what": error.what, "on": error.on, "remains": error.remains, "next": error.next}
            return _json({"status": "unready", **parts}, status=503)
        views = {
            str(row.status.name): {"condition": row.status.condition, "serving": list(row.status.serving)}
            for row in rows_of(overview)
        }
        return _json({"status": "ready", "cluster": overview.cluster, "registry": overview.registry, "views": views})

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
