"""The command ``views cluster`` on a real Cassandra: what it prints, keeps and answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import HealingAction, MemberId
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal
from cassandra_views.cli.main import main
from tests.servers import Server, connect

Views = Callable[..., str]


@pytest.fixture
def health(session: Session) -> Iterator[str]:
    name = f"health_{uuid.uuid4().hex[:8]}"
    yield name
    session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)


@pytest.fixture
def views(
    server: Server,
    health: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Views:
    """The command: returns what it prints on standard output, or on standard error where it fails."""
    (tmp_path / "views.toml").write_text(f'[env.dev.healing]\nkeyspace = "{health}"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", ",".join(server.contact_points))
    monkeypatch.setenv("CASSANDRA_PORT", str(server.port))
    monkeypatch.setenv("VIEWS_AUTHOR", "ann")

    def call(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["cluster", *arguments])
        told = capsys.readouterr()
        assert ended.value.code == code, told.err
        return told.out if code != 1 else told.err

    return call


def test_a_cluster_that_is_well(views: Views, server: Server, health: str, session: Session) -> None:
    lines = views("--detailed-exitcode").splitlines()
    assert lines[0].split() == ["NODE", "VERDICT", "SINCE", "STATUS", "LOCATION", "PEERS", "CQL", "TCP", "MACHINE"]
    assert lines[1].split()[:2] == [server.contact_points[0], "up"]
    assert lines[2] == "wait: the one node is up."
    assert len(lines) == 3
    names = [row[0] for row in session.execute("SELECT keyspace_name FROM system_schema.keyspaces")]
    assert health not in names, "a check alone writes nothing"


def test_everything_is_told_to_programs(views: Views, server: Server) -> None:
    found = json.loads(views("--format", "json"))
    assert (found["format_version"], found["cut_off"], found["stopped"], found["notes"]) == (1, None, None, [])
    (node,) = found["nodes"]
    assert (node["address"], node["verdict"], node["status"]) == (server.contact_points[0], "up", "NORMAL")
    assert {each["observer"]: each["result"] for each in node["observations"]} == {"cql": "good", "tcp": "neutral"}
    assert (found["decision"]["act"], found["decision"]["rule"]) == ("wait", "well")


def test_looks_that_are_kept_are_gone_on_from(views: Views, health: str, session: Session) -> None:
    views("--keep")
    views("--keep")
    assert len(session.execute(f"SELECT at FROM {health}.checks").all()) == 2
    found = json.loads(views("--format", "json"))
    assert found["nodes"][0]["checks"] == 3
    assert len(session.execute(f"SELECT at FROM {health}.checks").all()) == 2
    assert json.loads(views("history", "--format", "json"))["journal"] == [], "nothing was decided"


def test_the_kill_switch_and_skips_hold_until_they_are_taken_back(views: Views, server: Server) -> None:
    node = server.contact_points[0]
    assert views("stop", "--reason", "an upgrade") == "Healing is switched off: an upgrade.\n"
    assert "wait: healing is switched off by ann: an upgrade." in views("--detailed-exitcode", code=2)
    assert views("skip", node, "--reason", "its mainboard") == f"{node} is skipped: its mainboard.\n"
    found = json.loads(views("--format", "json"))
    (skip,) = found["skips"].values()
    assert (skip["by"], skip["why"], found["stopped"]["why"]) == ("ann", "its mainboard", "an upgrade")
    host_id = found["nodes"][0]["host_id"]
    views("unskip", host_id[:8], "--reason", "it is back")
    views("go", "--reason", "it is done")
    found = json.loads(views("--format", "json"))
    assert (found["skips"], found["stopped"]) == ({}, None)
    events = [line.split() for line in views("history").splitlines()[1:]]
    assert [each[2] for each in events] == ["go", "unskip", "skip", "stop"]


def test_healing_a_cluster_that_is_well_does_nothing_and_keeps_its_look(
    views: Views, health: str, session: Session
) -> None:
    assert views("heal", "--detailed-exitcode").splitlines()[-1] == "wait: the one node is up."
    assert len(session.execute(f"SELECT at FROM {health}.checks").all()) == 1
    assert json.loads(views("history", "--format", "json"))["journal"] == []
    told = json.loads(views("heal", "--format", "json"))
    assert (told["decision"]["rule"], told["operation"]) == ("well", None)


def test_a_word_about_an_operation_goes_to_the_one_that_is_under_way(views: Views, server: Server, health: str) -> None:
    host = json.loads(views("--format", "json"))["nodes"][0]
    node = MemberId(host_id=uuid.UUID(host["host_id"]), address=host["address"])
    decision = Decision(
        at=datetime.now(UTC),
        act=HealingAction.REPLACE,
        rule=Rule.REPLACE,
        what="it is gone",
        next="-",
        nodes=(node,),
        mode=Mode.AUTOMATIC,
    )
    with connect(server.contact_points, server.port) as cluster:
        journal = Journal(ClusterSession(cluster.connect(), timeout_seconds=10), health, author="airflow")
        operation = journal.begin(decision, Policy(), datetime.now(UTC))
    told = views("--detailed-exitcode", code=2)
    assert f"Operation: {str(operation.id)[:8]}, replace of {node}: its next step is plan." in told
    assert "that one is not under way" in views("refuse", "ffffffff-1", "--reason", "no", code=1)
    assert views("refuse", str(operation.id)[:6], "--reason", "we move it").startswith(
        f"The replace of {node} is refused"
    )
    assert "waits" not in views("heal"), "all is well, so what was under way ends"
    lines = json.loads(views("history", "--format", "json"))["journal"]
    assert [(line["event"], line["outcome"], line["author"]) for line in lines] == [
        ("ended", "withdrawn", "ann"),
        ("refused", "", "ann"),
        ("begun", "", "airflow"),
    ]


def test_an_empty_journal_and_an_unknown_node(views: Views, server: Server) -> None:
    assert views("history") == "The journal is empty.\n"
    told = views("skip", "10.9.9.9", "--reason", "gone", code=1)
    assert told.splitlines() == [
        "Error: there is no such node.",
        "  On: 10.9.9.9",
        "  State: Nothing was changed.",
        f"  Next: Name one of: {server.contact_points[0]}.",
    ]


def test_a_cluster_that_cannot_be_reached(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASSANDRA_CONTACT_POINTS", "127.0.37.9")
    told = views(code=1)
    assert told.startswith("Error: the cluster cannot be reached")
    assert "On: 127.0.37.9" in told


def test_a_wrong_key_is_named_with_its_line(views: Views, tmp_path: Path) -> None:
    (tmp_path / "views.toml").write_text("[env.dev.healing]\ngrace_minuets = 3\n", encoding="utf-8")
    told = views(code=1)
    assert told.startswith("Error: views.toml:2: unknown key 'env.dev.healing.grace_minuets'; did you mean 'grace_")


def test_services_are_shown_and_healed(views: Views, tmp_path: Path, health: str) -> None:
    mark = tmp_path / "works"
    (tmp_path / "views.toml").write_text(
        f"""
        [env.dev.healing]
        keyspace = "{health}"
        [env.dev.healing.services.feed]
        kind = "probe"
        probe_command = ["test", "-e", "{mark}"]
        restart_command = ["touch", "{mark}"]
        grace_checks = 1
        grace_minutes = 0
        """,
        encoding="utf-8",
    )
    told = views("--detailed-exitcode", code=2)
    assert "feed" in told
    assert "restart (approve) feed: it has been down" in told
    assert not mark.exists(), "a check does nothing"
    views("skip", "feed", "--reason", "it is moved")
    assert "and ann skipped it: it is moved" in views()
    views("unskip", "feed", "--reason", "it is there")
    views("heal")
    assert not mark.exists(), "nobody said yes"
    assert "waits for 'views cluster approve" in views()
    views("heal", "--yes")
    assert mark.exists()
    (found,) = json.loads(views("--format", "json"))["services"]
    assert (found["verdict"], found["decision"]["rule"]) == ("up", "well")
    events = [line.split()[2] for line in views("history").splitlines()[1:] if " feed " in line]
    steps = ["ended", "step", "step", "step", "approved", "begun"]
    assert events == [*steps, "decided", "unskip", "skip"]
