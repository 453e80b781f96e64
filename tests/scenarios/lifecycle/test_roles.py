"""A server that asks for a certificate, a password and grants: what `views grants` prints is enough, and no more.

Each role logs in under a name of its own and has nothing but what its group role was given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from cassandra import Unauthorized
from cassandra.cluster import NoHostAvailable, Session
from flask import Flask

from cassandra_client.connect import connected
from cassandra_client.errors import ClusterError
from cassandra_client.tls import Tls
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.apply.grants import OPTIONAL_TABLES
from cassandra_views.cli.main import main
from cassandra_views.model.errors import ReadError
from cassandra_views.project.session import connect_of
from cassandra_views.project.settings import Settings
from cassandra_views.read import ViewReader
from cassandra_views.web import CassandraViews
from tests.certificates import Authority
from tests.scenarios.lifecycle.old_registry import make_first_registry
from tests.wire import Wire

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

ADDRESS = "127.0.41.1"
LOGINS = {"manager": "ann", "reader": "app", "healer": "nurse", "pages": "web"}
OURS, OTHERS = Authority("ours"), Authority("others")
NODE = "".join(reversed(OURS.sign("node", addresses=(ADDRESS,)))) + OURS.certificate
SETTINGS = {
    "client_encryption_options": {
        "enabled": True,
        "optional": False,
        "require_client_auth": True,
        "ssl_context_factory": {
            "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory",
            "parameters": {"private_key": NODE, "trusted_certificates": OURS.certificate},
        },
    },
    "authenticator": "PasswordAuthenticator",
    "authorizer": "CassandraAuthorizer",
    "permissions_validity": "0ms",
    "roles_validity": "0ms",
}
VIEW = (
    "---\nkeyspace: shop\ngrace: 10 minutes\n---\nCREATE MATERIALIZED VIEW {{ view }} AS SELECT * FROM "
    "{{ base('marks') }} WHERE day IS NOT NULL AND who IS NOT NULL PRIMARY KEY (day, who)\n"
)
Told = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose environments log in as the roles."""
    folder = tmp_path_factory.mktemp("roles")
    files = {
        "ca.pem": OURS.certificate,
        "other_ca.pem": OTHERS.certificate,
        "client.pem": "".join(OURS.sign("client")),
        "stranger.pem": "".join(OTHERS.sign("client")),
        "expired.pem": "".join(OURS.sign("client", days=-1)),
        "password": "secret",
        "root_password": "cassandra",
        "cql_templates/tables/marks.cql.j2": "---\nkeyspace: shop\n---\n",
        "cql_templates/views/marks_by_day.cql.j2": VIEW,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[EmbeddedCassandra]:
    with EmbeddedCassandra(address=ADDRESS, port=0, settings=SETTINGS) as server:
        write_config(folder, server)
        yield server


def write_config(folder: Path, server: EmbeddedCassandra, **tls: str) -> None:
    files = {"ca": "ca.pem", "cert": "client.pem", **tls}
    keys = "".join(f'{key} = "{file}"\n' for key, file in files.items() if file)
    text = 'project = "shop"\ndefault_env = "manager"\n'
    for name, login in {**LOGINS, "root": "cassandra"}.items():
        password = "root_password" if name == "root" else "password"
        text += (
            f'[env.{name}]\ncontact_points = ["{ADDRESS}"]\nport = {server.port}\nusername = "{login}"\n'
            f'password_file = "{password}"\n[env.{name}.tls]\n{keys}'
        )
    (folder / "views.toml").write_text(text, encoding="utf-8")


def connect(
    server: EmbeddedCassandra, folder: Path, name: str, password: str = "secret"
) -> AbstractContextManager[Session]:
    tls = Tls(ca=folder / "ca.pem", cert=folder / "client.pem")
    return connected((ADDRESS,), port=server.port, username=name, password=password, tls=tls)


@pytest.fixture
def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Told:
    """Run a command as one of the roles, and return what it says."""
    monkeypatch.chdir(folder)

    def run(role: str, *arguments: str, code: int = 0) -> str:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--env", role, *arguments])
        found = capfd.readouterr()
        assert ended.value.code == code, found
        assert "Traceback" not in found.out + found.err
        return found.err if code else found.out

    return run


@pytest.fixture(scope="module")
def root(server: EmbeddedCassandra, folder: Path) -> Iterator[Session]:
    with connect(server, folder, "cassandra", "cassandra") as session:
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        session.execute(f"CREATE KEYSPACE shop WITH replication = {replication}")
        for table in ("marks", "others"):
            session.execute(f"CREATE TABLE shop.{table} (who text, day date, n int, PRIMARY KEY (who, day))")
        for who in "abc":
            session.execute(f"INSERT INTO shop.marks (who, day, n) VALUES ('{who}', '2026-03-01', 1)")
        yield session


@pytest.fixture
def roles(root: Session, told: Told) -> dict[str, list[dict[str, str]]]:
    """What `views grants` prints is run as an administrator does; return the grants of each role.

    The registry of an older version is upgraded by it: no role has a right to alter it.
    """
    grants = {}
    if not list(root.execute("SELECT id FROM system_schema.tables WHERE keyspace_name = 'views_registry'")):
        make_first_registry(root, "views_registry")
    for name, arguments in {
        "manager": ("manager",),
        "reader": ("reader",),
        "healer": ("healer",),
        "pages": ("reader", "--pages", "--reader", "views_pages"),
    }.items():
        (role,) = json.loads(told("root", "grants", *arguments, "--replicas", "1", "--format", "json"))["roles"]
        if not list(root.execute("SELECT role FROM system_auth.roles WHERE role = %s", (LOGINS[name],))):
            if name == "pages":  # the tables of cluster health are the healer's
                assert role["setup"] == []
            for statement in role["statements"]:
                root.execute(statement)
            root.execute(f"CREATE ROLE {LOGINS[name]} WITH LOGIN = true AND PASSWORD = 'secret'")
            root.execute(f"GRANT {role['role']} TO {LOGINS[name]}")
        grants[name] = role["grants"]
    return grants


def refused(session: Session, *statements: str) -> None:
    for statement in statements:
        with pytest.raises(Unauthorized):
            session.execute(statement)


ELSEWHERE = (
    "INSERT INTO shop.marks (who, day, n) VALUES ('x', '2026-03-01', 1)",
    "DELETE FROM shop.marks WHERE who = 'a'",
    "TRUNCATE shop.marks",
    "DROP TABLE shop.marks",
    "SELECT * FROM shop.others",
    "CREATE TABLE shop.more (a int PRIMARY KEY)",
    "CREATE KEYSPACE more WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "ALTER KEYSPACE shop WITH durable_writes = false",
    "ALTER TABLE shop.others ADD more int",
    "CREATE MATERIALIZED VIEW shop.v AS SELECT * FROM shop.others WHERE day IS NOT NULL AND who IS NOT NULL "
    "PRIMARY KEY (day, who)",
    "DROP KEYSPACE views_registry",
    "DROP TABLE cluster_health.journal",
    "ALTER TABLE views_registry.views ADD more int",
    "UPDATE views_registry.about SET value = '9' WHERE name = 'schema'",
    "CREATE ROLE more",
    "ALTER ROLE cassandra WITH PASSWORD = 'guess'",
    "GRANT SELECT ON KEYSPACE shop TO app",
    "SELECT * FROM system_auth.roles",
)
"""What none of the roles may do."""


def test_the_manager_does_its_part_and_no_more(server: EmbeddedCassandra, folder: Path, roles: Any, told: Told) -> None:
    assert "create: " in told("manager", "plan")
    told("manager", "apply", "--yes")
    assert "marks_by_day__g1" in told("manager", "name", "marks_by_day")
    told("manager", "refresh", "marks_by_day", "--yes")
    assert "marks_by_day__g2" in told("manager", "name", "marks_by_day")
    told("manager", "audit")
    told("manager", "rollback", "marks_by_day", "--reason", "tried", "--yes")
    assert "marks_by_day__g1" in told("manager", "name", "marks_by_day")
    told("manager", "freeze", "marks_by_day", "--reason", "tried")
    told("manager", "drop", "marks_by_day", "--reason", "tried", "--yes")
    assert "drop" in told("manager", "history", "marks_by_day")
    doctor = told("manager", "doctor")
    assert "what a manager needs, of role" in doctor
    assert "cannot be read" not in doctor
    told("manager", "on", "marks_by_day", "--reason", "tried")
    told("manager", "apply", "--yes")
    assert "serving" in told("manager", "status")
    with connect(server, folder, "ann") as session:
        refused(session, *ELSEWHERE, "SELECT * FROM cluster_health.journal")
        assert len(list(session.execute("SELECT * FROM shop.marks"))) == 3


def test_the_reader_reads_and_no_more(server: EmbeddedCassandra, folder: Path, roles: Any, told: Told) -> None:
    told("manager", "apply", "--yes")
    assert len(json.loads(told("reader", "query", "marks_by_day", "--format", "json"))["rows"]) == 3
    with connect(server, folder, "app") as session:
        reader = ViewReader(session)
        assert len(reader.select("marks_by_day", day="2026-03-01")) == 3
        (generation,) = reader.describe("marks_by_day").generations
        refused(
            session,
            *ELSEWHERE,
            f"DROP MATERIALIZED VIEW shop.{generation}",
            "DELETE FROM views_registry.views WHERE keyspace_name = 'shop' AND view_name = 'marks_by_day'",
            "SELECT * FROM views_registry.history",
            "SELECT * FROM system_views.settings",
            "SELECT * FROM cluster_health.journal",
        )
    said = told("reader", "apply", "--yes", code=1)
    assert "GRANT SELECT ON TABLE views_registry.about TO app" in said


def test_a_reader_that_lacks_a_permission_is_told_the_statement(
    server: EmbeddedCassandra, folder: Path, root: Session, roles: Any, told: Told
) -> None:
    told("manager", "apply", "--yes")
    root.execute("REVOKE SELECT ON TABLE shop.marks FROM views_reader")
    try:
        with connect(server, folder, "app") as session, pytest.raises(ReadError) as lacking:
            ViewReader(session).select("marks_by_day", day="2026-03-01")
    finally:
        root.execute("GRANT SELECT ON TABLE shop.marks TO views_reader")
    assert "User app has no SELECT permission on <table shop.marks>" in lacking.value.what
    assert lacking.value.next == "As an administrator: GRANT SELECT ON TABLE shop.marks TO app; then read again"


def test_the_healer_checks_and_records_and_no_more(
    server: EmbeddedCassandra, folder: Path, roles: Any, told: Told
) -> None:
    told("healer", "cluster", "--keep")
    told("healer", "cluster", "stop", "--reason", "tried")
    told("healer", "cluster", "go", "--reason", "tried")
    assert "tried" in told("healer", "cluster", "history")
    told("healer", "cluster", "heal")
    with connect(server, folder, "nurse") as session:
        refused(session, *ELSEWHERE, "SELECT * FROM shop.marks", "SELECT * FROM views_registry.views")


def test_pages_are_served_by_their_role_and_keep_nothing_back(
    server: EmbeddedCassandra, folder: Path, roles: Any, told: Told
) -> None:
    told("manager", "apply", "--yes")
    told("healer", "cluster", "--keep")
    app = Flask("shop")
    app.config.update(VIEWS_TEMPLATES=folder / "cql_templates", VIEWS_ENV="pages", SECRET_KEY="k", TESTING=True)
    views = CassandraViews(app)
    try:
        client = app.test_client()
        for path in ("/views/", "/views/view/marks_by_day", "/views/timeline", "/views/plan", "/views/cluster"):
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            assert "permission" not in answer.text, path
            assert "cannot be seen" not in answer.text, path
    finally:
        views.state.session_provider.close()
    with connect(server, folder, "web") as session:
        refused(session, *ELSEWHERE, "DELETE FROM views_registry.lease WHERE resource = 'cluster'")


WORK = {
    "manager": ("refresh", "marks_by_day", "--yes"),
    "reader": ("query", "marks_by_day"),
    "healer": ("cluster", "--keep"),
}


@pytest.mark.parametrize("role", sorted(WORK))
def test_no_role_can_do_without_any_of_its_permissions(role: str, root: Session, roles: Any, told: Told) -> None:
    """Each is taken away by itself: the work fails, names it, and has changed nothing.

    Some are read for a hint alone, so the work is done without them.
    """
    told("manager", "apply", "--yes")
    count = "SELECT count(*) FROM system_schema.views WHERE keyspace_name = 'shop'"
    before = root.execute(count).one()[0]
    for grant in roles[role]:
        if any(table in grant["resource"] for _keyspace, table in OPTIONAL_TABLES):
            continue
        on = f"{grant['permission']} ON {grant['resource']}"
        root.execute(f"REVOKE {on} FROM views_{role}")
        try:
            said = told(role, *WORK[role], code=1)
        finally:
            root.execute(f"GRANT {on} TO views_{role}")
        assert f"As an administrator: GRANT {on} TO {LOGINS[role]}; then " in said, grant
        assert "State: Nothing was changed" in said
        assert root.execute(count).one()[0] == before
    told(role, *WORK[role])


REFUSALS = [
    ({"cert": "stranger.pem"}, "the node refuses our certificate"),
    ({"cert": "expired.pem"}, "the node refuses our certificate"),
    ({"cert": ""}, "the node wants a certificate of ours, and none is given"),
    ({"ca": "other_ca.pem"}, "the node's certificate is not trusted"),
]


@pytest.mark.parametrize(("tls", "why"), REFUSALS, ids=["stranger", "expired", "none", "other authority"])
def test_a_certificate_that_is_not_trusted_is_refused_on_either_side(
    server: EmbeddedCassandra, folder: Path, roles: Any, told: Told, tls: dict[str, str], why: str
) -> None:
    write_config(folder, server, **tls)
    try:
        for role, work in {**WORK, "manager": ("status",)}.items():
            said = told(role, *work, code=1)
            assert why in said
            assert "State: Nothing was changed" in said
            assert "Next: Set tls." in said
        settings = Settings.resolve(start=folder, environment="healer", variables={})
        with pytest.raises(NoHostAvailable):  # what heals a node connects to it alone
            connect_of(settings)(ADDRESS).__enter__()
    finally:
        write_config(folder, server)
    settings = Settings.resolve(start=folder, environment="healer", variables={})
    with connect_of(settings)(ADDRESS) as session:
        assert session.execute("SELECT key FROM system.local").one()
    assert "2026-03-01" in told("manager", "cqlsh", "-e", "SELECT * FROM shop.marks")


def test_a_certificate_for_another_host_is_refused(server: EmbeddedCassandra, folder: Path, roles: Any) -> None:
    wire = Wire(ADDRESS, server.port)
    tls = Tls(ca=folder / "ca.pem", cert=folder / "client.pem")
    try:
        with pytest.raises(ClusterError, match=r"the node's certificate is not for 127\.0\.0\.1: IP address mismatch"):
            connected(("127.0.0.1",), port=wire.port, username="app", password="secret", tls=tls).__enter__()
    finally:
        wire.close()


def test_a_client_without_encryption_is_told_to_use_it(server: EmbeddedCassandra) -> None:
    with pytest.raises(ClusterError, match="the node takes encrypted connections"):
        connected((ADDRESS,), port=server.port, username="app", password="secret").__enter__()
