"""Wrong input of every kind, and what must hold of each answer: for the unit tests, and longer by night."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cassandra.cluster import Session
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cassandra_views.cli.main import main
from cassandra_views.cql.parse import parse_view
from cassandra_views.manager import ViewManager
from cassandra_views.project.settings import Settings
from cassandra_views.web import CassandraViews

SECRET = "a secret of the folder above"
MARKUP = "<img src=x onerror=fuzz()>"
TABLE = (
    "---\nkeyspace: shop\nmanaged: true\ntime: {column: day, type: date, grain: day}\n---\n"
    "CREATE TABLE {{ table }} (customer text, day date, total int, PRIMARY KEY (customer, day))\n"
)
VIEW = (
    '---\nkeyspace: shop\nwindow: {last: 7 days, step: 1 day, at: "00:10"}\ntags: [flask]\nowner: web\n---\n'
    "{% from 'keys.j2' import key %}CREATE MATERIALIZED VIEW {{ view }} AS SELECT customer, day, total\n"
    "FROM {{ base('orders') }} WHERE {{ in_window() }} AND customer IS NOT NULL {{ key() }}\n"
    "WITH CLUSTERING ORDER BY (customer ASC) AND comment = 'of a day'\n"
)
MACRO = "{% macro key() %}PRIMARY KEY (day, customer){% endmacro %}\n"
CONFIG = """project = "shop"
default_env = "dev"
[env.dev]
contact_points = ["127.0.0.1:1", "127.0.0.1"]
port = 1
local_dc = "dc1"
username = "ann"
password_file = "password"
view_budget = 20
reader_cache_seconds = 5.0
registry_replication = { class = "NetworkTopologyStrategy", dc1 = 3 }
[env.dev.tls]
ca = "ca.pem"
check_hostname = true
[env.dev.keyspaces.shop]
name = "shop_dev"
replication = { class = "SimpleStrategy", replication_factor = 1 }
[env.dev.healing]
mode = "approve"
keyspace = "cluster_health"
"""
NASTY = (
    "", "\0", "\x1b[31m", "\r\n", "\t", "\x0c", "\ud800", "\u202e", "é", "²", "\ufeff", "[", "]", "{", "}", "(", ")",
    "'", '"', "$$", "`", "\\", "/", "..", "../secret", "/etc/passwd", "--", "/*", "*/", "//", ";", ":", "---",
    "\n---\n", "#", "&a ", "*a", "&a {b: *a}", "? [a]\n: b\n", "? {a: b}\n: c\n", "!!python/object:os.system x",
    "!!binary x", "2026-13-01", "1e999", ".inf", "-1", "0", "true", "9" * 400, "9" * 5000, "[" * 2000,
    "{a: " * 400, "(" * 2000,
    "a" * 5000, "null", "~", MARKUP, "'; DROP TABLE shop.orders; --", "' OR ''='", "{{ '", "{{ x }}", "{{ 1/0 }}",
    "{{ [][9] }}", "{{ ''.__class__.__mro__ }}", "{{ 9 ** 9 ** 9 }}", "{{ 'a' * 9 ** 12 }}", "{{ '%999999999s' % 1 }}",
    "{{ range(10 ** 9) | list }}", "{% include '../secret' %}", "{% import '/etc/passwd' as p %}{{ p }}",
    "{% include 'keys.j2' %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% for x in y %}", "{{ base(1) }}",
    "{{ base('a\nb') }}", "{{ base('\"; DROP') }}", "{{ self }}", "{{ config }}", "{{ cycler }}", "{% raw %}", "{#",
    "CREATE", "SELECT *", "PRIMARY KEY", "IS NOT NULL", "0x", "1h", "token(", "list<frozen<", "frozen<map<text, text>>",
    "key: key:", "<<: *x", "a: b: c", "[[env]]", "[env.dev]", "= 1 = 2", '"""', "1979-05-27T07:32:00Z", "inf", "nan",
)  # fmt: skip


_VALUE = re.compile(r"(?<=: )[^\n,}]*|(?<== )[^\n]*|^[^\n ]*|(?<=\{\{)[^}]*|(?<=\")[^\"\n]*|\w+", re.M)
"""What stands for itself in a file: a value, a word, the inside of braces."""


def words() -> st.SearchStrategy[str]:
    """Return texts that have hurt programs, and any others."""
    return st.one_of(st.sampled_from(NASTY), st.text(max_size=12))


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """Return a text with up to four parts of it replaced, doubled or taken away."""
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):  # a whole value, or what stands at the begin of a line
            start, end = draw(st.sampled_from([match.span() for match in _VALUE.finditer(text)] or [(0, 0)]))
        else:
            start = draw(st.integers(0, len(text)))
            end = min(len(text), start + draw(st.sampled_from((0, 0, 1, 3, 10, 40))))
        part = draw(st.one_of(words(), st.just(text[start:end] * 2)))
        text = text[:start] + part + text[end:]
    return text


ROLE_NAMES = st.lists(words(), min_size=3, max_size=3)
FILES = st.fixed_dictionaries(
    {"tables/orders": damaged(TABLE), "views/by_day": damaged(VIEW), "macros/keys": damaged(MACRO)}
)
CONFIGS = damaged(CONFIG)
VARIABLES = st.dictionaries(
    st.sampled_from(
        ["CASSANDRA_CONTACT_POINTS", "CASSANDRA_PORT", "CASSANDRA_USERNAME", "CASSANDRA_PASSWORD_FILE",
         "CASSANDRA_TLS_CA", "CASSANDRA_TLS_CERT", "CASSANDRA_TLS_KEY", "VIEWS_ENV"]
    ),
    words().filter(lambda text: "\0" not in text and "\ud800" not in text),
    max_size=3,
)  # fmt: skip
_IDENTIFIER = r'(?:[a-z][a-z0-9_]*|"(?:[^"]|"")+")'
_GRANT = re.compile(rf"GRANT [A-Z]+ ON TABLE {_IDENTIFIER}\.{_IDENTIFIER} TO {_IDENTIFIER}", re.S)


def examples(count: int) -> settings:
    """Return the settings of a test that tries so many inputs."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=checks)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def make_project(folder: Path, files: dict[str, str], config: str = 'project = "shop"\n') -> Path:
    """Write a project below a folder that holds a secret; return the project's folder."""
    write(folder / "secret", SECRET)
    root = folder / "project"
    write(root / "views.toml", config)
    for name, text in files.items():
        write(root / "cql_templates" / (f"{name}.j2" if name.startswith("macros/") else f"{name}.cql.j2"), text)
    return root


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command; what it does not know how to say goes through as it is, and fails the test."""
    out, err, hook = StringIO(), StringIO(), sys.excepthook
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main(list(arguments))
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.excepthook = hook
    assert isinstance(code, int)
    return code, out.getvalue(), err.getvalue()


def check_command(*arguments: str) -> str:
    """Run a command, and see that a failure is told in four parts and that nothing escapes; return its answer."""
    code, out, err = run(*arguments)
    assert code in (0, 1)
    assert SECRET not in out + err
    assert "Traceback" not in out + err
    assert "\x1b" not in err, "what a file holds steers no terminal"
    if code:
        assert err.startswith(("Error: ", "Note: "))
        assert all(part in err for part in ("  State: ", "  Next: "))
    return out if code == 0 else ""


def check_files(files: dict[str, str], folder: Path) -> None:
    """Check that a project of these files is refused in words, or printed as one statement of CQL for each view."""
    root = make_project(folder, files)
    templates = ("--templates", str(root / "cql_templates"))
    check_command(*templates, "lint")
    if rendered := check_command(*templates, "render", "--format", "json"):
        for view in json.loads(rendered)["views"]:
            parse_view(view["cql"], file="printed")  # one statement, and nothing after it
        check_grants(*templates, "grants")


def check_role_names(names: list[str], folder: Path) -> None:
    """Check that `views grants` takes or refuses any names of roles."""
    root = make_project(folder, {"tables/orders": TABLE})
    options = [f"--{kind}={name}" for kind, name in zip(("manager", "reader", "healer"), names, strict=True)]
    check_grants("--templates", str(root / "cql_templates"), "grants", *options)


def check_grants(*arguments: str) -> None:
    """Check that what `views grants` prints is GRANTs and nothing else, whatever the names are."""
    if granted := check_command(*arguments, "--format", "json"):
        for role in json.loads(granted)["roles"]:
            assert all(_GRANT.fullmatch(each["cql"]) for each in role["grants"])


def check_config(text: str, folder: Path, monkeypatch: Any, variables: dict[str, str]) -> None:
    """Check that views.toml and variables are refused in words, or understood; nothing listens where they lead."""
    root = make_project(folder, {"tables/orders": TABLE, "views/by_day": VIEW, "macros/keys": MACRO}, text)
    with monkeypatch.context() as patched:
        patched.chdir(root)
        for name, value in variables.items():
            patched.setenv(name, value)
        check_command("lint")
        check_command("render")


@contextmanager
def app_of(root: Path, **config: Any) -> Iterator[Flask]:
    """Yield an app on the project of a folder, which tells its exceptions to the test."""
    app = Flask("fuzzed")
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=True, SECRET_KEY="k", **config)
    app.config["VIEWS_TEMPLATES"] = root / "cql_templates"
    views = CassandraViews(app)
    yield app
    views.state.session_provider.close()


@contextmanager
def app_without_cluster(folder: Path) -> Iterator[Flask]:
    """Yield an app whose cluster is not there: what is asked of it is refused before, or is an error that says so."""
    root = make_project(folder, {"tables/orders": TABLE, "views/by_day": VIEW, "macros/keys": MACRO})
    with app_of(root, VIEWS_CONTACT_POINTS="127.0.0.1:1") as app:
        yield app


SERVED_KEYSPACE, SERVED_REGISTRY = "fuzzed", "fuzzed_registry"
_SERVED_CONFIG = f"""project = "fuzzed"
[env.dev]
registry = "{SERVED_REGISTRY}"
[env.dev.keyspaces.shop]
name = "{SERVED_KEYSPACE}"
replication = {{ class = "SimpleStrategy", replication_factor = 1 }}
"""


@contextmanager
def app_that_serves(folder: Path, session: Session, contact_points: list[str], port: int) -> Iterator[Flask]:
    """Yield an app whose view serves, on a cluster, rows whose names are texts that have hurt programs."""
    root = make_project(folder, {"tables/orders": TABLE, "views/by_day": VIEW, "macros/keys": MACRO}, _SERVED_CONFIG)
    for keyspace in (SERVED_KEYSPACE, SERVED_REGISTRY):
        session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
    settings = Settings.resolve(start=root, variables={})
    ViewManager(session, settings=settings, author="fuzzing").apply()
    query = f"INSERT INTO {SERVED_KEYSPACE}.orders (customer, day, total) VALUES (%s, %s, %s)"
    for number, name in enumerate(each for each in NASTY if each and "\ud800" not in each and "\0" not in each):
        session.execute(query, (name, TODAY, number))
    with app_of(
        root, VIEWS_CONTACT_POINTS=",".join(contact_points), VIEWS_PORT=port, VIEWS_REGISTRY=SERVED_REGISTRY
    ) as app:
        yield app
    for keyspace in (SERVED_KEYSPACE, SERVED_REGISTRY):
        session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")


TODAY = f"{datetime.now(UTC):%Y-%m-%d}"
SERVED_ROWS = f"/api/views/by_day/rows?day={TODAY}"
SERVED_PATHS = st.one_of(
    st.just("/api/views/by_day/rows"),
    st.sampled_from(
        ["/api/views", "/api/views/by_day", "/views/", f"/views/view/{SERVED_KEYSPACE}.by_day", "/metrics", "/readyz"]
    ),
    words().map(lambda word: f"/api/views/{word}/rows"),
)
_SERVED_NAMES = ("day", "customer", "total", "limit", "page", "order", "columns", "reverse")
_SERVED_OPERATORS = ("", ".eq", ".in", ".gt", ".gte", ".lt", ".lte")
SERVED_QUERIES = st.tuples(
    st.sampled_from([[], [("day", TODAY)], [("day.in", TODAY)]]),
    st.lists(
        st.tuples(
            st.builds("{}{}".format, st.sampled_from(_SERVED_NAMES), st.sampled_from(_SERVED_OPERATORS)),
            st.one_of(words(), st.sampled_from([TODAY, "1", "3", "asc", "desc", "customer,total"])),
        ),
        max_size=3,
    ),
).map(lambda parts: [*parts[0], *parts[1]])  # fmt: skip


PATHS = st.lists(
    st.one_of(
        st.sampled_from(["api", "views", "view", "rows", "openapi.json", "cluster", "plan", "timeline", "..", ""]),
        words(),
    ),
    max_size=4,
).map(lambda parts: "/" + "/".join(parts))  # fmt: skip
QUERIES = st.lists(
    st.tuples(st.one_of(st.sampled_from(["limit", "page", "day.eq", "day.gte", "reverse", "q"]), words()), words()),
    max_size=4,
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])


def check_request(client: Any, method: str, path: str, query: list[tuple[str, str]]) -> None:
    """Check that an answer is an error that says so, holds no markup of the client's and no traceback."""
    asked = "&".join(f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in query)
    # As a server hands it over: the client takes what follows // for a host, which may then be too long for one.
    given = {"PATH_INFO": path.encode("utf-8", "replace").decode("latin-1")}
    answer = client.open(f"http://localhost/?{asked}", method=method, environ_overrides=given)
    text = answer.get_data(as_text=True)
    assert MARKUP not in text or answer.mimetype.endswith("json"), "JSON is no page"
    assert SECRET not in text
    assert "Traceback" not in text
    assert answer.headers.get("Location", "").startswith(("", "/", "http://localhost/"))
    if answer.status_code >= 400 and path.startswith("/api/") and method != "HEAD" and "json" in answer.mimetype:
        found = json.loads(text)
        assert all(found[part] for part in ("what", "on", "remains", "next"))
    assert answer.status_code < 500 or answer.status_code == 503
