"""Airflow runs the lifecycle, a DAG for each view file and what keeps them going; and it watches the cluster.

Names are looked up when they are used: Airflow reads ``get_provider_info`` at its start and needs nothing else then.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cassandra_views.airflow.dags import view_dags
    from cassandra_views.airflow.health import health_dags
    from cassandra_views.airflow.hook import ViewsHook
    from cassandra_views.airflow.operators import ApplyViewsOperator, AuditViewsOperator
    from cassandra_views.airflow.sensor import ViewServingSensor

__all__ = [
    "ApplyViewsOperator",
    "AuditViewsOperator",
    "ViewServingSensor",
    "ViewsHook",
    "health_dags",
    "view_dags",
]

_HOMES = {
    "ApplyViewsOperator": "operators",
    "AuditViewsOperator": "operators",
    "ViewServingSensor": "sensor",
    "ViewsHook": "hook",
    "health_dags": "health",
    "view_dags": "dags",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
