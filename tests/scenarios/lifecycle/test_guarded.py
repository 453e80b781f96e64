"""A server that asks for passwords and grants, takes TLS, and has narrow guardrails; and damage to its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.apply.preflight import check_cluster
from cassandra_views.apply.reports import Report, StepBegun
from cassandra_views.cli.main import main
from cassandra_views.model.errors import AuditFailed, PreflightError, ProjectError
from cassandra_views.model.generation import Audit, State
from cassandra_views.model.steps import AuditGeneration, Cause, CreateGeneration
from tests.certificates import certificate
from tests.scenarios.lifecycle.workshop import Workshop

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

ADDRESS = "127.0.4.1"
KEYSPACE, REGISTRY, ROLE = "shop", "guarded_registry", "keeper"
OTHER_KEYSPACE, OTHER_REGISTRY = "other_shop", "other_registry"
CERTIFICATE, KEY = certificate(ADDRESS)
SETTINGS = {
    "client_encryption_options": {
        "enabled": True,
        "optional": True,
        "ssl_context_factory": {
            "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory",
            "parameters": {"private_key": KEY + CERTIFICATE, "trusted_certificates": CERTIFICATE},
        },
    },
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
    with EmbeddedCassandra(address=ADDRESS, port=0, settings=SETTINGS) as server:
        yield server


def connect(guarded: EmbeddedCassandra, name: str, password: str) -> Any:
    return connected(tuple(guarded.contact_points), port=guarded.port, username=name, password=password)


@pytest.fixture(scope="module")
def root(guarded: EmbeddedCassandra) -> Iterator[Session]:
    with connect(guarded, "cassandra", "cassandra") as session:
        for keyspace in (KEYSPACE, REGISTRY, OTHER_KEYSPACE, OTHER_REGISTRY):
            replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
        for keyspace in (KEYSPACE, OTHER_KEYSPACE):
            session.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))")
            insert = session.prepare(f"INSERT INTO {keyspace}.marks (who, day, n) VALUES (?, ?, 1)")
            for day in range(1, 11):
                for who in "abc":
                    session.execute(insert, (who, date(2026, 3, day)))
        session.execute(f"CREATE ROLE {ROLE} WITH PASSWORD = 'secret' AND LOGIN = true")
        yield session


def project(session: Session, folder: Path, view: str, keyspace: str = KEYSPACE, registry: str = REGISTRY) -> Workshop:
    workshop = Workshop(session=session, keyspace=keyspace, folder=folder, registry=registry)
    workshop.write_table("marks", "{column: day, type: date}")
    workshop.write_view(view, CQL, window="{last: 3 days, step: 1 day}")
    return workshop


def test_a_wrong_password_is_told_as_such(guarded: EmbeddedCassandra, root: Session) -> None:
    with pytest.raises(ClusterError, match=r"user name or password is wrong.*CASSANDRA_USERNAME"):
        connect(guarded, ROLE, "guess").__enter__()


def test_tls_and_a_password_file_of_views_toml_reach_every_command(
    guarded: EmbeddedCassandra,
    root: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Its paths count from where the file is, wherever the command is given."""
    password = "se%cret; #=:'x"
    root.execute(f"CREATE ROLE reader WITH PASSWORD = '{password.replace(chr(39), chr(39) * 2)}' AND LOGIN = true")
    root.execute("GRANT SELECT ON KEYSPACE shop TO reader")
    root.execute("GRANT SELECT ON system_views.settings TO reader")
    for name, text in (("ca.pem", CERTIFICATE), ("other.pem", certificate(ADDRESS)[0]), ("password", f"{password}\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    config = (
        f'[env.dev]\ncontact_points = ["{ADDRESS}"]\nport = {guarded.port}\nusername = "reader"\n'
        'password_file = "password"\n[env.dev.tls]\nca = "ca.pem"\n'
    )
    (tmp_path / "views.toml").write_text(config, encoding="utf-8")
    project(root, tmp_path / "cql_templates", "encrypted")
    monkeypatch.chdir(tmp_path / "cql_templates" / "views")

    def told(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        found = capfd.readouterr()
        assert ended.value.code == code, found
        return found.out + found.err

    assert "encrypted" in told("status")
    assert "30" in told("cqlsh", "-e", f"SELECT count(*) FROM {KEYSPACE}.marks")
    encrypted = "SELECT count(*) FROM system_views.clients WHERE username = 'reader' AND ssl_enabled = true"
    root.execute("GRANT SELECT ON system_views.clients TO reader")
    assert "\n     0" not in told("cqlsh", "-e", f"{encrypted} ALLOW FILTERING")
    (tmp_path / "views.toml").write_text(config.replace("ca.pem", "other.pem"), encoding="utf-8")
    assert "the node's certificate is not trusted: self-signed certificate" in told("status", code=1)
    assert "certificate verify failed" in told("cqlsh", "-e", "SELECT key FROM system.local", code=1).lower()
    (tmp_path / "views.toml").write_text(config.replace("ca.pem", "none.pem"), encoding="utf-8")
    assert "the TLS files cannot be read" in told("status", code=1)
    (tmp_path / "views.toml").write_text(config, encoding="utf-8")
    (tmp_path / "password").write_text("guess", encoding="utf-8")
    assert told("apply", "--yes", code=1) == (
        f"Error: the cluster cannot be reached: no node answered ({ADDRESS}:{guarded.port}: the user name or password "
        f"is wrong).\n  On: {ADDRESS}\n  State: Nothing was changed.\n"
        "  Next: Correct CASSANDRA_USERNAME and the password file.\n"
    )


GRANTS = {
    "system.built_views": "SELECT",
    "system.view_builds_in_progress": "SELECT",
    "system.batches": "SELECT",
    "system.size_estimates": "SELECT",
    "system_distributed.view_build_status": "SELECT",
    "system_views.gossip_info": "SELECT",
    "system_views.pending_hints": "SELECT",
    f"{KEYSPACE}.marks": "ALTER",
}


def grant(root: Session, permission: str, on: str) -> None:
    root.execute(f"GRANT {permission} ON {on} TO {ROLE}")


def test_all_grants_that_lack_are_named_at_once_and_with_them_it_works(
    guarded: EmbeddedCassandra, root: Session, tmp_path: Path
) -> None:
    for permission in ("SELECT", "MODIFY", "CREATE"):
        grant(root, permission, f"KEYSPACE {REGISTRY}")
    grant(root, "SELECT", f"{KEYSPACE}.marks")
    with connect(guarded, ROLE, "secret") as session:
        workshop = project(session, tmp_path, "granted")
        plan = workshop.manager().plan()
        for named in ("system_views.settings", f"{KEYSPACE}.granted"):  # first what every view needs
            with pytest.raises(PreflightError, match=rf"{named}: the role {ROLE} lacks") as refused:
                workshop.manager().apply(plan)
            statements = refused.value.next.removeprefix("As an administrator: ").split("; ")[:-1]
            for statement in statements:
                root.execute(statement)
        assert statements == [f"GRANT ALTER ON TABLE {KEYSPACE}.marks TO {ROLE}"]
        assert workshop.physical_views() == set()
        workshop.apply()
        assert workshop.rows(workshop.serving("granted"))
        workshop.manager().drop("granted")
        assert workshop.physical_views() == set()


def test_a_role_that_may_not_read_settings_is_told(guarded: EmbeddedCassandra, root: Session) -> None:
    root.execute("CREATE ROLE nobody WITH PASSWORD = 'secret' AND LOGIN = true")
    with connect(guarded, "nobody", "secret") as session, pytest.raises(PreflightError, match=r"system_views.settings"):
        check_cluster(Database(session))


def test_a_missing_grant_on_one_table_holds_up_no_view_of_another(
    guarded: EmbeddedCassandra, root: Session, tmp_path: Path
) -> None:
    root.execute(f"CREATE TABLE {KEYSPACE}.others (who text, day date, n int, PRIMARY KEY (who, day))")
    root.execute("CREATE ROLE half WITH PASSWORD = 'secret' AND LOGIN = true")
    for table, permission in {**GRANTS, "system_views.settings": "SELECT"}.items():
        root.execute(f"GRANT {permission} ON {table} TO half")
    for permission in ("SELECT", "MODIFY", "CREATE"):
        root.execute(f"GRANT {permission} ON KEYSPACE {REGISTRY} TO half")
    root.execute(f"GRANT SELECT ON KEYSPACE {KEYSPACE} TO half")
    with connect(guarded, "half", "secret") as session:
        workshop = project(session, tmp_path, "allowed")
        workshop.write_table("others", "{column: day, type: date}")
        workshop.write_view("forbidden", CQL.replace("marks", "others"), window="{last: 3 days, step: 1 day}")
        with pytest.raises(PreflightError, match=r"shop.forbidden: the role half lacks ALTER ON TABLE shop.others"):
            workshop.manager().apply()
        assert workshop.serving("allowed")
        assert workshop.record("forbidden").generations == ()
        workshop.manager().drop("allowed")
    root.execute(f"DROP TABLE {KEYSPACE}.others")


def test_a_guardrail_without_room_for_two_generations_is_told_before(root: Session, tmp_path: Path) -> None:
    workshop = project(root, tmp_path, "first")
    workshop.apply()
    workshop.write_view("second", CQL, window="{last: 3 days, step: 1 day}")
    workshop.apply()
    with pytest.raises(PreflightError, match=r"shop.marks: it carries 2 views.*per_table_fail_threshold allows 2"):
        workshop.manager().refresh("first")
    assert len(workshop.physical_views()) == 2
    for view in ("first", "second"):
        workshop.manager().drop(view)


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Two projects of one view each, which lost the rows of a generation: one that served, one before it would."""

    served: Workshop
    unserved: Workshop
    first: str
    """What served before it."""
    error: AuditFailed


@pytest.fixture(scope="module")
def losses(guarded: EmbeddedCassandra, root: Session, tmp_path_factory: pytest.TempPathFactory) -> Losses:
    """Both lose their files in the same stop of the node: what no write path sees."""
    served = project(root, tmp_path_factory.mktemp("kept"), "kept", OTHER_KEYSPACE, OTHER_REGISTRY)
    unserved = project(root, tmp_path_factory.mktemp("lost"), "lost")
    for workshop in (served, unserved):
        workshop.audit_recheck_seconds = 0.03
        workshop.apply()
    first = unserved.serving("lost")
    unserved.now = unserved.now.replace(day=11)

    def lose(report: Report) -> None:
        if isinstance(report, StepBegun) and isinstance(report.step, AuditGeneration):
            lost = report.step.view.physical(report.step.number)
            lose_rows(guarded, root, f"{KEYSPACE}/{lost}", f"{OTHER_KEYSPACE}/{served.serving('kept')}")

    unserved.reports = Telling(lose)
    with pytest.raises(AuditFailed) as failed:
        unserved.manager().apply()
    unserved.reports = []
    return Losses(served=served, unserved=unserved, first=first, error=failed.value)


def test_lost_files_fail_the_audit_also_where_filtering_is_forbidden(losses: Losses) -> None:
    workshop, first = losses.unserved, losses.first
    assert "MISSING" in str(losses.error)
    assert "serves nobody; what served before still serves" in str(losses.error)
    record = workshop.record("lost")
    assert record.read_from[0].name == first
    failed = record.generations[-1]
    assert (failed.state, failed.audit) == (State.FAILED, Audit.FAILED)
    assert "MISSING" in record.last_error
    workshop.apply()
    assert workshop.serving("lost") != failed.physical
    assert workshop.physical_views() == {first, workshop.serving("lost")}
    workshop.manager().drop("lost")


def lose_rows(guarded: EmbeddedCassandra, root: Session, *views: str) -> None:
    """Remove the files of views, each with its keyspace before a slash, while the node is down."""
    guarded.stop_node(1)
    for view in views:
        files = list(guarded.folder.glob(f"node1/data/data/{view}-*/*-Data.db"))
        assert files, "the node was drained"
        for path in files:
            for part in path.parent.glob(path.name.replace("Data.db", "*")):
                part.unlink()
    guarded.start_node(1)
    await_session(root)


def test_what_serves_and_lost_rows_is_found_and_built_anew(losses: Losses) -> None:
    workshop = losses.served
    first = workshop.serving("kept")
    assert workshop.manager().plan().steps == (), "nobody has looked"

    workshop.now += timedelta(hours=1)
    ((view, error),) = workshop.manager().audit("kept").failures
    assert view.view == "kept"
    assert isinstance(error, AuditFailed)
    assert "MISSING" in error.what
    assert "It still serves" in error.remains
    record = workshop.record("kept")
    assert [entry.name for entry in record.read_from] == [first]
    (each,) = record.generations
    assert (each.state, each.audit, each.audited_at) == (State.SERVING, Audit.FAILED, workshop.now)
    assert each.rows_built == 0
    event = workshop.manager().history("kept", limit=2)[1]
    assert (event.event, event.number) == ("audit failed", 1)
    (status,) = workshop.manager().status("kept")
    assert (status.condition, status.audit) == ("differs", "failed")

    plan = workshop.apply()
    assert [(step.cause, step.number) for step in plan.steps if isinstance(step, CreateGeneration)] == [
        (Cause.REPAIR, 2)
    ]
    assert workshop.rows(workshop.serving("kept"))
    assert workshop.manager().audit("kept").failures == ()
    with pytest.raises(ProjectError, match="no former generation"):
        workshop.manager().plan_rollback("kept")
    workshop.manager().drop("kept")


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
