"""A team leaves: all of its views, then the registry, whatever stops it; and nothing that is not ours."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cassandra_client.names import table_id
from cassandra_views.cli.main import main
from cassandra_views.model.errors import LeaseHeld, RegistryError
from cassandra_views.registry.lease import LeaseTimes
from tests.paths import ROOT
from tests.scenarios.lifecycle.dying import Died, DyingSession, Side
from tests.scenarios.lifecycle.workshop import Workshop

CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who, n FROM {{ base('marks') }} "
    "WHERE day IS NOT NULL AND who IS NOT NULL PRIMARY KEY (day, who)"
)
HAND_MADE = ("by_hand", "by_count")


@pytest.fixture
def shop(own_registry: Workshop, command_line: Workshop) -> Workshop:
    """One view with a former generation, and two that people made and the project has taken over."""
    workshop = command_line
    assert workshop is own_registry
    workshop.lease_times = LeaseTimes(cooldown_seconds=0.0)
    session, keyspace = workshop.session, workshop.keyspace
    session.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))")
    for day in range(1, 6):
        session.execute(f"INSERT INTO {keyspace}.marks (who, day, n) VALUES ('a', '2026-03-{day:02}', {day})")
    for name in HAND_MADE:
        cql = CQL.replace("{{ view }}", f"{keyspace}.{name}").replace("{{ base('marks') }}", f"{keyspace}.marks")
        session.execute(cql)
        workshop.write_view(name, CQL)
    workshop.write_view("by_day", CQL.replace("day, who, n FROM", "day, who FROM"), grace="365 days")
    workshop.apply()
    workshop.write_view("by_day", CQL, grace="365 days")
    workshop.apply()
    assert workshop.physical_views() == {"by_day__g1", "by_day__g2", *HAND_MADE}
    return workshop


def tables(workshop: Workshop) -> set[str]:
    """Return what the registry's keyspace holds."""
    query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
    return {row[0] for row in workshop.session.execute(query, (workshop.registry,))}


def has_registry_keyspace(workshop: Workshop) -> bool:
    query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s"
    return workshop.session.execute(query, (workshop.registry,)).one() is not None


def begin_again(workshop: Workshop) -> None:
    """Adopt what is there again: leaving is no way that ends anywhere."""
    workshop.apply()
    assert workshop.serving("by_day") == "by_day__g1"
    assert len(workshop.rows("by_day__g1")) == 5
    workshop.manager().drop_all(with_registry=True)


@pytest.mark.slow
def test_leaving_is_resumed_wherever_it_was_stopped(shop: Workshop) -> None:
    effects: set[str] = set()
    for dies_at in range(2, 60):
        session = DyingSession(shop.session, dies_at, Side.AFTER if dies_at % 2 else Side.BEFORE)
        try:
            shop.manager(session).drop_all(hand_made=[shop.full("by_count")], with_registry=True)
        except Died:
            if "lease" in tables(shop):
                shop.end_lease()
        else:
            break
        effects |= {session.effects[-1]}
        assert len(shop.rows("by_hand")) == 5, "readers of a hand-made view notice nothing"
    assert effects >= {"conditional", "ddl"}
    assert shop.physical_views() == {"by_hand"}
    assert len(shop.rows("marks")) == 5
    assert not has_registry_keyspace(shop)
    assert shop.manager().drop_all(with_registry=True).steps == 0
    begin_again(shop)


def test_what_is_not_ours_keeps_the_keyspace_and_stays(shop: Workshop) -> None:
    shop.session.execute(f"CREATE TABLE {shop.registry}.control (scope text PRIMARY KEY)")
    outcome = shop.manager().drop_all(with_registry=True)
    assert outcome.errors == ()
    assert tables(shop) == {"control"}
    assert shop.physical_views() == set(HAND_MADE)


def test_a_keyspace_that_was_there_before_stays(own_registry: Workshop) -> None:
    session, keyspace, registry = own_registry.session, own_registry.keyspace, own_registry.registry
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {registry} WITH replication = {replication}")
    session.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))")
    own_registry.write_view("by_day", CQL)
    own_registry.apply()
    own_registry.manager().drop_all(with_registry=True)
    assert has_registry_keyspace(own_registry)
    assert tables(own_registry) == set()


Leave = Callable[..., str]


@pytest.fixture
def leave(shop: Workshop, capsys: pytest.CaptureFixture[str]) -> Leave:
    """The command, called in the project's folder: returns what it prints."""

    def call(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--now", shop.now.isoformat(), *arguments])
        told = capsys.readouterr()
        assert ended.value.code == code, told.err
        return told.out + told.err

    return call


def test_the_guides_commands_leave_and_say_each_thing_that_is_dropped(shop: Workshop, leave: Leave) -> None:
    page = (ROOT / "docs" / "guides" / "leave.md").read_text(encoding="utf-8")
    _head, _marker, rest = page.partition("## In four commands")
    commands = [line.split("#")[0].split() for line in rest.partition("```sh\n")[2].partition("```")[0].splitlines()]
    assert [each[:2] for each in commands] == [["views", "status"], *[["views", "drop"]] * 3]

    shown = leave(*commands[1][1:], code=1)
    assert "send readers away" in shown
    assert "manage it no longer, the view itself stays as it is" in shown
    assert "the plan drops all views of the project" in shown
    assert "Add --allow-drop" in shown
    found = json.JSONDecoder().raw_decode(leave("drop", "--all", "--registry", "--format", "json", code=1))[0]
    assert [each["kind"] for each in found["steps"]][-1] == "drop_registry"
    assert shop.serving("by_day") == "by_day__g2", "a plan alone changes nothing"

    told = leave(*commands[2][1:], "--yes")
    for number in (1, 2):
        assert f"{shop.full('by_day')} generation {number}: drop it" in told
    record = shop.record("by_day")
    assert (record.generations, record.override and record.override.kind.value) == ((), "off")
    assert shop.record("by_hand").generations == ()
    assert shop.physical_views() == set(HAND_MADE)
    assert shop.manager().plan().steps == ()

    assert "drop the registry's tables" in leave(*commands[3][1:], "--yes")
    assert not has_registry_keyspace(shop)
    assert "Nothing to do" in leave(*commands[3][1:], "--yes")


def test_what_must_not_be_done_is_refused_before_anything_is_begun(shop: Workshop, leave: Leave) -> None:
    for arguments in (("drop",), ("drop", "by_day", "--all"), ("drop", "by_day", "--registry")):
        assert "NAME and --all exclude each other" in leave(*arguments, code=1)
    assert "there is no such view" in leave("drop", "--all", "--allow-drop", "--hand-made", "nothing", code=1)
    lease = f"UPDATE {shop.registry}.lease USING TTL 60 SET owner = 'bob' WHERE resource = 'cluster' IF EXISTS"
    shop.session.execute(lease)
    with pytest.raises(LeaseHeld, match=r"held by bob: another run is under way.*ends by itself in \d+ s"):
        shop.manager().drop_all()
    shop.end_lease()
    others = shop.session.prepare(
        f"INSERT INTO {shop.registry}.views (keyspace_name, view_name, number, project, state, physical_name, table_id)"
        " VALUES (?, 'theirs', 1, 'stock', 'serving', 'theirs__g1', ?)"
    )
    shop.session.execute(others, (shop.keyspace, table_id(shop.keyspace, "theirs__g1")))
    with pytest.raises(RegistryError, match=rf"still manages {shop.keyspace}\.theirs__g1"):
        shop.manager().drop_all(with_registry=True)
    assert shop.serving("by_day") == "by_day__g2", "nothing was begun"
