"""``views lint --server``: what is sent for each view, and how a server's answers are told; the server is handed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from cassandra import InvalidRequest, OperationTimedOut
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown

from cassandra_client.errors import ClusterError
from cassandra_views.cli.lint_server import ask_server
from cassandra_views.cli.main import main
from cassandra_views.cql.statements import table_statement
from cassandra_views.model.data_check import DataCheck
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.statement import TableStatement
from cassandra_views.project.loader import ProjectLoader

if TYPE_CHECKING:
    from cassandra.cluster import Session

TABLE = "---\nkeyspace: shop\n---\nCREATE TABLE {{ table }} (customer text PRIMARY KEY, at timestamp)\n"
VIEW = """---
keyspace: shop
---
CREATE MATERIALIZED VIEW {{ view }} AS SELECT at, customer FROM {{ base('orders') }}
WHERE customer IS NOT NULL AND at IS NOT NULL PRIMARY KEY (at, customer)
"""


class FakeServer:
    """Keeps the statements that come, and refuses those that hold a text."""

    def __init__(self, refuses: str = "", error: Exception | None = None) -> None:
        self.refuses = refuses
        self.error = error or InvalidRequest('Error from server: code=2200 [Invalid query] message="not this one"')
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(" ".join(statement.split()))
        if self.refuses and self.refuses in statement:
            raise self.error

    @contextmanager
    def open(self) -> Iterator[Session]:
        yield cast("Session", self)


@pytest.fixture
def asked(tmp_path: Path) -> list[tuple[ViewDefinition, TableStatement | None]]:
    """The view of a project and its base."""
    for folder, name, text in (("tables", "orders", TABLE), ("views", "by_time", VIEW)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.cql.j2").write_text(text, encoding="utf-8")
    project = ProjectLoader(tmp_path).load()
    return [(project.views[0], table_statement(project.tables[0]))]


Asked = list[tuple[ViewDefinition, TableStatement | None]]


def test_a_view_is_made_on_its_base_in_a_keyspace_of_its_own_which_is_dropped(asked: Asked) -> None:
    server = FakeServer()
    assert [str(one) for one in ask_server(asked + asked, server.open)] == ["accepted", "accepted"]
    kinds = [" ".join(one.split()[:2]) for one in server.statements]
    assert kinds == ["CREATE KEYSPACE", "CREATE TABLE", "CREATE MATERIALIZED", "DROP KEYSPACE"] * 2
    assert "CREATE MATERIALIZED VIEW lint_0.by_time AS" in server.statements[2]
    assert "FROM lint_1.orders" in server.statements[6]


def test_a_refusal_is_told_in_the_servers_words(asked: Asked) -> None:
    server = FakeServer("MATERIALIZED")
    (answer,) = ask_server(asked, server.open)
    assert (answer.refusal, str(answer)) == ("not this one", "refused: not this one")
    assert server.statements[-1] == "DROP KEYSPACE IF EXISTS lint_0"


def test_a_check_that_is_refused_is_told_with_its_name(asked: Asked) -> None:
    check = DataCheck(name="no early order", query="SELECT at FROM {{ view }} WHERE at < '2000-01-01' ALLOW FILTERING")
    asked = [(replace(view, checks=(check,)), base) for view, base in asked]
    server = FakeServer("ALLOW FILTERING")
    (answer,) = ask_server(asked, server.open)
    assert str(answer) == "refused: the check 'no early order': not this one"
    assert server.statements[-2] == "SELECT at FROM lint_0.by_time WHERE at < '2000-01-01' ALLOW FILTERING"
    (answer,) = ask_server(asked, FakeServer().open)
    assert str(answer) == "accepted"


def test_a_base_that_is_refused_leaves_the_view_unasked(asked: Asked) -> None:
    server = FakeServer("CREATE TABLE")
    (answer,) = ask_server(asked, server.open)
    assert (answer.refusal, str(answer)) == (None, "not asked: its base table is refused: not this one")
    assert not any("MATERIALIZED" in one for one in server.statements)


@pytest.mark.parametrize("statement", ["CREATE TABLE", "MATERIALIZED"])
@pytest.mark.parametrize("error", [OperationTimedOut(), NoHostAvailable("none", {}), ConnectionShutdown("closed")])
def test_a_server_that_does_not_answer_has_refused_nothing(asked: Asked, statement: str, error: Exception) -> None:
    with pytest.raises(ClusterError, match="the server cannot be asked about a view") as raised:
        ask_server(asked, FakeServer(statement, error).open)
    assert "Keyspace lint_0 may be left there" in str(raised.value)


def test_a_quote_in_the_servers_words_does_not_end_them(asked: Asked) -> None:
    words = 'Cannot add already existing table "v" to keyspace "k"'
    error = InvalidRequest(f'Error from server: code=2200 [Invalid query] message="{words}"')
    (answer,) = ask_server(asked, FakeServer("MATERIALIZED", error).open)
    assert answer.refusal == words


@pytest.mark.parametrize("refused", ["CREATE KEYSPACE", "DROP KEYSPACE"])
def test_a_keyspace_that_cannot_be_made_or_dropped_is_an_error(asked: Asked, refused: str) -> None:
    server = FakeServer(refused)
    with pytest.raises(ClusterError, match="the server cannot be asked about a view") as raised:
        ask_server(asked, server.open)
    assert raised.value.on == "shop.by_time"
    assert server.statements[-1].startswith(refused), "what was there before stays"


def test_no_server_is_reached_where_no_base_is_known(asked: Asked) -> None:
    def fails() -> Any:
        raise AssertionError("a server was asked for")

    open_session: Callable[[], Any] = fails
    (answer,) = ask_server([(asked[0][0], None)], open_session)
    assert str(answer) == "not asked: no file describes its base table"


def test_the_command_tells_which_views_were_not_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "views.toml").write_text('project = "shop"\n', encoding="utf-8")
    folder = tmp_path / "cql_templates" / "views"
    folder.mkdir(parents=True)
    (folder / "by_time.cql.j2").write_text(VIEW, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["lint", "--server", "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["server"][0]["accepted"]) == (0, None)
    assert told["server"][0]["message"] == "not asked: no file describes its base table"
