"""A server that asks for passwords and grants, and whose guardrails are narrow; and damage to its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_embedded import EmbeddedCassandra
from cassandra_views.cluster.connect import connected
from cassandra_views.cluster.database import Database
from cassandra_views.cluster.preflight import check_cluster
from cassandra_views.lifecycle import audit
from cassandra_views.lifecycle.reports import Report, StepBegun
from cassandra_views.model.errors import AuditFailed, ClusterError, PreflightError
from cassandra_views.model.generation import Audit, State
from cassandra_views.model.steps import AuditGeneration
from tests.on_cassandra.lifecycle.workshop import Workshop

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

KEYSPACE, REGISTRY, ROLE = "shop", "guarded_registry", "keeper"
SETTINGS = {
    "authenticator": "PasswordAuthenticator",
    "authorizer": "CassandraAuthorizer",
    "permissions_validity": "0ms",
    "roles_validity": "0ms",
    "materialized_views_per_table_fail_threshold": 2,
    "allow_filtering_enabled": False,
}
CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who, n FROM {{ base('marks') }} "
    "WHERE {{ in_window() }} AND who IS NOT NULL PRIMARY KEY (day, who)"
)


@pytest.fixture(scope="module")
def guarded() -> Iterator[EmbeddedCassandra]:
    with EmbeddedCassandra(address="127.0.4.1", port=0, settings=SETTINGS) as server:
        yield server


def connect(guarded: EmbeddedCassandra, name: str, password: str) -> Any:
    return connected(tuple(guarded.contact_points), port=guarded.port, username=name, password=password)


@pytest.fixture(scope="module")
def root(guarded: EmbeddedCassandra) -> Iterator[Session]:
    with connect(guarded, "cassandra", "cassandra") as session:
        for keyspace in (KEYSPACE, REGISTRY):
            replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
        session.execute(f"CREATE TABLE {KEYSPACE}.marks (who text, day date, n int, PRIMARY KEY (who, day))")
        for day in range(1, 11):
            for who in "abc":
                session.execute(f"INSERT INTO {KEYSPACE}.marks (who, day, n) VALUES ('{who}', '2026-03-{day:02}', 1)")
        session.execute(f"CREATE ROLE {ROLE} WITH PASSWORD = 'secret' AND LOGIN = true")
        yield session


def project(session: Session, folder: Path, view: str) -> Workshop:
    workshop = Workshop(session=session, keyspace=KEYSPACE, folder=folder, registry=REGISTRY)
    workshop.write_table("marks", "{column: day, type: date}")
    workshop.write_view(view, CQL, window="{last: 3 days, step: 1 day}")
    return workshop


def test_a_wrong_password_is_told_as_such(guarded: EmbeddedCassandra, root: Session) -> None:
    with pytest.raises(ClusterError, match=r"user name or password is wrong.*CASSANDRA_USERNAME"):
        connect(guarded, ROLE, "guess").__enter__()


GRANTS = {
    "system.built_views": "SELECT",
    "system.view_builds_in_progress": "SELECT",
    "system.batches": "SELECT",
    "system_distributed.view_build_status": "SELECT",
    "system_views.gossip_info": "SELECT",
    "system_views.pending_hints": "SELECT",
    f"{KEYSPACE}.marks": "ALTER",
}


def grant(root: Session, permission: str, on: str) -> None:
    root.execute(f"GRANT {permission} ON {on} TO {ROLE}")


def test_each_grant_that_lacks_is_named_and_with_all_of_them_it_works(
    guarded: EmbeddedCassandra, root: Session, tmp_path: Path
) -> None:
    for permission in ("SELECT", "MODIFY", "CREATE"):
        grant(root, permission, f"KEYSPACE {REGISTRY}")
    grant(root, "SELECT", f"{KEYSPACE}.marks")
    grant(root, "SELECT", "system_views.settings")
    with connect(guarded, ROLE, "secret") as session:
        workshop = project(session, tmp_path, "granted")
        plan = workshop.manager().plan()
        for table, permission in GRANTS.items():
            with pytest.raises(PreflightError, match=rf"{table}: the role lacks {permission}.*GRANT {permission} ON"):
                workshop.manager().apply(plan)
            grant(root, permission, table)
        assert workshop.physical_views() == set()
        workshop.apply()
        assert workshop.rows(workshop.serving("granted"))
        workshop.manager().drop("granted")
        assert workshop.physical_views() == set()


def test_a_role_that_may_not_read_settings_is_told(guarded: EmbeddedCassandra, root: Session) -> None:
    root.execute("CREATE ROLE nobody WITH PASSWORD = 'secret' AND LOGIN = true")
    with connect(guarded, "nobody", "secret") as session, pytest.raises(PreflightError, match=r"system_views.settings"):
        check_cluster(Database(session))


def test_a_guardrail_without_room_for_two_generations_is_told_before(root: Session, tmp_path: Path) -> None:
    workshop = project(root, tmp_path, "first")
    workshop.apply()
    workshop.write_view("second", CQL, window="{last: 3 days, step: 1 day}")
    workshop.apply()
    with pytest.raises(PreflightError, match=r"shop.marks: it would carry 3 views.*per_table_fail_threshold allows 2"):
        workshop.manager().refresh("first")
    assert len(workshop.physical_views()) == 2
    for view in ("first", "second"):
        workshop.manager().drop(view)


def test_lost_files_fail_the_audit_also_where_filtering_is_forbidden(
    guarded: EmbeddedCassandra, root: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view's own files go while the node is down: what no write path sees."""
    monkeypatch.setattr(audit, "_LOOKS", 3)
    workshop = project(root, tmp_path, "lost")
    workshop.apply()
    first = workshop.serving("lost")
    workshop.now = workshop.now.replace(day=11)

    def lose(report: Report) -> None:
        if isinstance(report, StepBegun) and isinstance(report.step, AuditGeneration):
            physical = report.step.view.physical(report.step.number)
            guarded.stop_node(1)
            files = list(guarded.folder.glob(f"node1/data/data/{KEYSPACE}/{physical}-*/*-Data.db"))
            assert files, "the node was drained"
            for path in files:
                for part in path.parent.glob(path.name.replace("Data.db", "*")):
                    part.unlink()
            guarded.start_node(1)
            await_session(root)

    workshop.reports = Telling(lose)
    with pytest.raises(AuditFailed, match=r"MISSING .*serves nobody; what served before still serves"):
        workshop.manager().apply()
    workshop.reports = []
    record = workshop.record("lost")
    assert record.read_from[0].name == first
    failed = record.generations[-1]
    assert (failed.state, failed.audit) == (State.FAILED, Audit.FAILED)
    assert "MISSING" in record.last_error
    workshop.apply()
    assert workshop.serving("lost") != failed.physical
    assert workshop.physical_views() == {first, workshop.serving("lost")}


class Telling(list[Report]):
    """A list of reports that also tells somebody."""

    def __init__(self, tell: Any) -> None:
        super().__init__()
        self._tell = tell

    def append(self, report: Report) -> None:
        super().append(report)
        self._tell(report)


def await_session(session: Session) -> None:
    """Wait until a session that lost its only node has it again."""
    import time

    from cassandra.cluster import NoHostAvailable

    for _ in range(300):
        try:
            session.execute("SELECT key FROM system.local")
            return
        except (NoHostAvailable, ConnectionError):
            time.sleep(0.1)
    pytest.fail("the node does not come back")
