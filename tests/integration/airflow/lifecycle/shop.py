"""A project of two views over one keyspace, its DAG file, and the connection that its DAGs use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from cassandra_views.manager import ViewManager
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.project.settings import Settings

DAG_FILE = """\
from cassandra_views.airflow import view_dags
view_dags("../templates", globals(), conn_id="shop_cluster")
"""
TABLE = """\
---
keyspace: shop
managed: true
time: {column: day, format: "%Y-%m-%d"}
---
CREATE TABLE {{ table }} (customer text, day text, total int, PRIMARY KEY (customer, day))
"""
BY_DAY = """\
---
description: Orders of one day
keyspace: shop
window: {last: 7 days, step: 1 day, at: "00:10"}
tags: [web]
owner: shop
---
CREATE MATERIALIZED VIEW {{ view }} AS SELECT * FROM {{ base('orders') }}
WHERE {{ in_window() }} AND customer IS NOT NULL PRIMARY KEY (day, customer)
"""
BY_TOTAL = """\
---
description: Orders by their total
keyspace: shop
---
CREATE MATERIALIZED VIEW {{ view }} AS SELECT * FROM {{ base('orders') }}
WHERE total IS NOT NULL AND day IS NOT NULL AND customer IS NOT NULL PRIMARY KEY (total, day, customer)
"""


@dataclass(slots=True, kw_only=True)
class Shop:
    """The project of one test.

    Args:
        keyspace: where its table and views are.
        registry: the keyspace of its registry; made by its first run.
    """

    folder: Path
    session: Session
    contact_points: tuple[str, ...]
    port: int
    keyspace: str
    registry: str

    def write(self, *, env: str = "") -> None:
        """Write views.toml, the table, both views and the DAG file."""
        (self.folder / "dags").mkdir(parents=True)
        (self.folder / "dags" / "shop_views.py").write_text(DAG_FILE)
        self.write_settings(env)
        self.write_file("tables", "orders", TABLE)
        self.write_file("views", "orders_by_day", BY_DAY)
        self.write_file("views", "orders_by_total", BY_TOTAL)

    def write_settings(self, env: str = "") -> None:
        (self.folder / "views.toml").write_text(
            f'project = "{self.keyspace}"\ntemplates = "templates"\ndefault_env = "test"\n'
            f'[env.test]\nregistry = "{self.registry}"\n{env}\n'
            f'[env.test.keyspaces.shop]\nname = "{self.keyspace}"\n'
        )

    def write_file(self, kind: str, name: str, text: str) -> None:
        path = self.folder / "templates" / kind / f"{name}.cql.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def remove_view(self, name: str) -> None:
        (self.folder / "templates" / "views" / f"{name}.cql.j2").unlink()

    @property
    def dags(self) -> Path:
        return self.folder / "dags"

    @property
    def connection(self) -> dict[str, Any]:
        return {"conn_type": "cassandra", "host": ",".join(self.contact_points), "port": self.port}

    @property
    def variables(self) -> dict[str, str]:
        """What Airflow's processes need to find the cluster."""
        return {"AIRFLOW_CONN_SHOP_CLUSTER": json.dumps(self.connection)}

    def fill(self, customers: int) -> None:
        """Write an order a day of the last six days for each customer."""
        today = datetime.now(UTC).date()
        self.session.execute(
            f"CREATE TABLE IF NOT EXISTS {self.keyspace}.orders "
            "(customer text, day text, total int, PRIMARY KEY (customer, day))"
        )
        insert = self.session.prepare(f"INSERT INTO {self.keyspace}.orders (customer, day, total) VALUES (?, ?, ?)")
        from cassandra.query import BatchStatement, BatchType

        pending = []
        for customer in range(customers):
            batch = BatchStatement(BatchType.UNLOGGED)
            for back in range(6):
                batch.add(insert, (f"c{customer}", str(today - timedelta(days=back)), customer * 10 + back))
            pending.append(self.session.execute_async(batch))
            if len(pending) == 200:
                for each in pending:
                    each.result()
                pending.clear()
        for each in pending:
            each.result()

    def manager(self, *, now: datetime | None = None) -> ViewManager:
        templates = self.folder / "templates"
        settings = Settings.resolve(start=templates, templates=templates, variables={})
        clock = (lambda: now) if now is not None else None
        return ViewManager(self.session, settings=settings, author="a person", clock=clock)

    def serve(self, view: str) -> None:
        """Build and serve a view without Airflow, which takes longer."""
        manager = self.manager()
        manager.apply(manager.plan([view]))

    def record(self, view: str) -> ViewRecord:
        return self.manager().record(view)

    def serving(self, view: str) -> list[int]:
        return [each.number for each in self.record(view).in_state(State.SERVING)]

    def physical_views(self) -> set[str]:
        query = "SELECT view_name FROM system_schema.views WHERE keyspace_name = %s"
        return {row[0] for row in self.session.execute(query, (self.keyspace,))}

    def drop_registry(self) -> None:
        self.session.execute(f"DROP KEYSPACE IF EXISTS {self.registry}")
