"""Two ways to wait for a view: until it covers a day, and for each new generation.

For the project of ``views init``, and a connection of the type ``cassandra_views`` or ``cassandra``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, task

from cassandra_views.airflow import ViewServingSensor, ViewsHook

CONNECTION, REGISTRY, VIEW = "cassandra_shop", "views_registry", "shop.orders_by_day"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("orders_report", schedule="@daily", start_date=BEGIN, catchup=False, tags=["example"]):
    # Holds no worker slot between two looks.
    ready = ViewServingSensor(
        task_id="ready",
        view=VIEW,
        covers="{{ (logical_date - macros.timedelta(days=1)).isoformat() }}",
        cassandra_conn_id=CONNECTION,
        registry=REGISTRY,
        poke_interval=60,
        timeout=timedelta(hours=6),
    )

    @task
    def report(logical_date: datetime | None = None) -> int:
        """Return how many orders the day before had."""
        from cassandra_views import ViewReader

        assert logical_date is not None
        midnight = logical_date.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        with ViewsHook(CONNECTION).session() as session:
            views = ViewReader(session, registry=REGISTRY)
            return len(views.select(VIEW, day=midnight - timedelta(days=1)))

    ready >> report()

ORDERS_BY_DAY = Asset(name=VIEW, uri="x-cassandra://shop/orders_by_day")

with DAG("orders_new_generation", schedule=[ORDERS_BY_DAY], start_date=BEGIN, catchup=False, tags=["example"]):

    @task
    def tell(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return what is known of each new generation: its number, window, rows and audit."""
        return [event.extra for event in triggering_asset_events[ORDERS_BY_DAY]]

    tell()
