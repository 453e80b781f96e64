"""A project of its own for each test, on the server that all tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cassandra.cluster import Session

from tests.integration.airflow.airflow_process import AirflowProcess
from tests.integration.airflow.lifecycle import acts
from tests.integration.airflow.lifecycle.acts import Ran
from tests.integration.airflow.lifecycle.shop import Shop
from tests.servers import Server


@pytest.fixture
def shop(tmp_path: Path, server: Server, session: Session, keyspace: str) -> Iterator[Shop]:
    """Two view files that nothing was made of yet."""
    made = Shop(
        folder=tmp_path / "shop",
        session=session,
        contact_points=tuple(server.contact_points),
        port=server.port,
        keyspace=keyspace,
        registry=f"{keyspace}_reg",
    )
    made.write()
    yield made
    made.drop_registry()


@pytest.fixture
def run(airflow: AirflowProcess, shop: Shop) -> Callable[..., Ran]:
    """Carry out a run of one of the shop's DAGs."""
    airflow.call(acts.end_runs)

    def carry_out(dag_id: str, *, at: datetime | None = None, last: str | None = None, **conf: object) -> Ran:
        return airflow.call(acts.carry_out, shop.dags, dag_id, shop.variables, dict(conf), at=at, last=last)

    return carry_out
