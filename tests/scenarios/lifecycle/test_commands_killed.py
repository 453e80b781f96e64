"""Every command that changes something, stopped after each of its effects: the same command again ends where it would
have ended undisturbed, and a plain apply changes nothing of that.

A process that is stopped after effect k and one that is stopped before effect k + 1 leave the same cluster behind, so
each effect is tried once; the first one is intent and the second the effect, as often as they come in pairs. The
nightly tests stop at each effect, these at some: after an intent more often than after what it announced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cassandra_views.manager import ViewManager
from cassandra_views.model.generation import Audit, OverrideKind, State
from cassandra_views.model.steps import CreateGeneration
from cassandra_views.registry.lease import LeaseTimes
from tests.scenarios.lifecycle.dying import Died, DyingSession, Side
from tests.scenarios.lifecycle.test_crash_points import check_serves
from tests.scenarios.lifecycle.workshop import Workshop

VIEW = "marked"
REASON = "totals look wrong"
CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who, n FROM {{ base('marks') }} "
    "WHERE day IS NOT NULL AND who IS NOT NULL PRIMARY KEY (day, who)"
)
OTHER_CQL = CQL.replace("day, who, n FROM", "day, who FROM")


@pytest.fixture
def shop(workshop: Workshop) -> Iterator[Workshop]:
    """A view whose former generation is retired and whose second one serves, in a registry of its own."""
    workshop.lease_times = LeaseTimes(cooldown_seconds=0.0)
    session, keyspace = workshop.session, workshop.keyspace
    workshop.registry = f"{keyspace}_r"
    session.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))")
    for day in range(1, 6):
        session.execute(f"INSERT INTO {keyspace}.marks (who, day, n) VALUES ('a', '2026-03-{day:02}', {day})")
    for cql in (CQL, OTHER_CQL):
        workshop.write_view(VIEW, cql, grace="365 days")
        workshop.apply()
    yield workshop
    session.execute(f"DROP KEYSPACE IF EXISTS {workshop.registry}")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the manager.

    Args:
        run: does it.
        prepare: brings the view to where the command begins, from where any of the commands ended.
        may_be_none: it takes readers away.
        every: stop it at each so manieth effect alone.
    """

    run: Callable[[ViewManager, str, str], object]
    """Of the manager, the view and the id of the run."""
    prepare: Callable[[Workshop], None]
    may_be_none: bool = False
    every: int = 3


def back(workshop: Workshop) -> None:
    """Let the file rule: the second generation serves, and its audit is two hours old."""
    workshop.manager().override(workshop.full(VIEW), None, reason="over")
    workshop.manager().apply()
    workshop.now += timedelta(hours=2)


def alone(workshop: Workshop) -> None:
    """Let the grace of what was replaced end: one generation is left."""
    back(workshop)
    workshop.now += timedelta(days=366)
    workshop.manager().apply()


def frozen(workshop: Workshop) -> None:
    back(workshop)
    workshop.manager().override(workshop.full(VIEW), "frozen", reason="sale")


def half_built(workshop: Workshop) -> None:
    back(workshop)
    plan = workshop.manager().plan_refresh(workshop.full(VIEW))
    workshop.manager().carry_out(plan.part([step for step in plan.steps if isinstance(step, CreateGeneration)]))


def lost(workshop: Workshop) -> None:
    """Lose the rows of a view with two generations in the schema: one to take over, and one to drop."""
    back(workshop)
    if len(workshop.physical_views()) == 1:
        workshop.manager().refresh(workshop.full(VIEW))
    query = f"DELETE FROM {workshop.registry}.views WHERE keyspace_name = %s AND view_name = %s"
    workshop.session.execute(query, (workshop.keyspace, VIEW))


def refresh(manager: ViewManager, view: str, run: str) -> None:
    # As a caller does that is tried again: under the id of one run.
    manager.apply(manager.plan_refresh(view, unless_run=run))


def decide(kind: OverrideKind | None) -> Callable[[ViewManager, str, str], object]:
    return lambda manager, view, run: manager.override(view, kind, reason=REASON)


COMMANDS = {
    "rollback": Command(run=lambda manager, view, run: manager.rollback(view, reason=REASON), prepare=back),
    "freeze": Command(run=decide(OverrideKind.FROZEN), prepare=back),
    "off": Command(run=decide(OverrideKind.OFF), prepare=back, may_be_none=True),
    "on": Command(run=decide(None), prepare=frozen),
    "audit": Command(run=lambda manager, view, run: manager.audit(view), prepare=back),
    "take over": Command(run=lambda manager, view, run: manager.apply(), prepare=lost, may_be_none=True, every=5),
    "refresh": Command(run=refresh, prepare=alone, every=7),
    "abort": Command(run=lambda manager, view, run: manager.abort(view), prepare=half_built),
    "drop": Command(run=lambda manager, view, run: manager.drop(view, reason=REASON), prepare=alone, may_be_none=True),
}
PEOPLE = ("rollback", "freeze", "off", "on", "drop")
"""Commands with a reason, which is to be found afterwards."""


def run(workshop: Workshop, what: str, session: Any) -> None:
    command, name = COMMANDS[what], f"{what} at {workshop.now}"
    command.run(workshop.manager(session, run=name), workshop.full(VIEW), name)


def die(workshop: Workshop, what: str, effect: int) -> DyingSession:
    """Run the command until it dies, and end its lease as time would."""
    dying = DyingSession(
        workshop.session,
        effect,
        Side.AFTER,
        lambda: check_serves(workshop, VIEW, may_be_none=COMMANDS[what].may_be_none),
    )
    with suppress(Died):
        run(workshop, what, dying)
    workshop.end_lease()
    return dying


def newest(workshop: Workshop) -> int:
    """Return the highest number that registry or schema knows of."""
    in_schema = [int(each.removeprefix(f"{VIEW}__g")) for each in workshop.physical_views()]
    return max(workshop.record(VIEW).next_number - 1, *in_schema)


def ended(workshop: Workshop, before: int) -> dict[str, Any]:
    """Return what is left, with numbers counted from the highest before the command."""
    record = workshop.record(VIEW)
    numbers = [each.number for each in record.generations]
    physical = {each for each in workshop.physical_views() if each.startswith(f"{VIEW}__g")}
    assert physical == {each.physical for each in record.generations}, "an orphan, or a row without a view"
    served = [each for each in record.generations if each.state is State.SERVING]
    assert [entry.name for entry in record.read_from] == [each.physical for each in served]
    # Under this fence nobody works any more, and a second run finds nothing to do.
    assert workshop.manager().plan().steps == ()
    return {
        "made": record.next_number - 1 - before,
        "states": [(each.state, each.audit) for each in record.generations],
        "audited": [each.audited_at == workshop.now for each in record.generations],
        "from": numbers.index(record.rolled_back_from) if record.rolled_back_from is not None else None,
        "override": str(record.override or ""),
        "dropped": record.dropped.reason if record.dropped else "",
    }


def check_told(workshop: Workshop, since: datetime) -> None:
    """The reason of a person is in the history, whatever was stopped."""
    events = [event for event in workshop.manager().history(workshop.full(VIEW)) if event.at >= since]
    assert any(REASON in event.detail and event.author == "tests" for event in events)


def case(workshop: Workshop, what: str, effect: int, *, applies_first: bool = False) -> tuple[dict[str, Any], int]:
    COMMANDS[what].prepare(workshop)
    before, since = newest(workshop), datetime.now(UTC)
    dying = die(workshop, what, effect)
    if applies_first:
        workshop.manager().apply()
    if effect:
        run(workshop, what, workshop.session)
    workshop.manager().apply()
    if what in PEOPLE:
        check_told(workshop, since)
    return ended(workshop, before), len(dying.effects)


def check(workshop: Workshop, what: str, *, every: int, applies_first: bool) -> dict[str, Any]:
    """Stop the command after its effects; return what is left of an undisturbed one.

    Args:
        every: stop it after the first effect, and each so manieth one from there.
        applies_first: have an apply between the death and the next try of the command as well.
    """
    try:
        wanted, effects = case(workshop, what, 0)
        assert effects >= 2
        for effect in range(1, effects + 1, every):
            found, died_at = case(workshop, what, effect)
            assert died_at == effect
            assert found == wanted, f"stopped after effect {effect}"
            if applies_first:
                found, _died_at = case(workshop, what, effect, applies_first=True)
                assert found == wanted, f"stopped after effect {effect}, and then applied"
    except Exception as error:
        raise AssertionError(what) from error
    return wanted


def check_all(workshop: Workshop, every: int | None = None) -> None:
    """Stop each command after some of its effects, by default after as many as it names."""
    # In one keyspace one after the other: making one for each would take most of the time.
    left = {
        what: check(workshop, what, every=every or command.every, applies_first=what == "rollback")
        for what, command in COMMANDS.items()
    }
    both = [(State.SERVING, Audit.PASSED), (State.RETIRED, Audit.PASSED)]
    assert (left["rollback"]["states"], left["rollback"]["from"]) == (both, 1)
    assert left["rollback"]["audited"][0], "it is audited right after the switch"
    assert left["rollback"]["override"] == left["freeze"]["override"] == f"frozen by tests: {REASON}"
    assert left["off"]["override"] == left["drop"]["override"] == f"off by tests: {REASON}"
    assert left["on"]["override"] == ""
    assert (left["drop"]["states"], left["drop"]["dropped"]) == ([], REASON)
    made = {what: each["made"] for what, each in left.items() if each["made"]}
    assert made == {"refresh": 1}


@pytest.mark.slow
def test_a_command_that_dies_after_any_effect_ends_the_same_when_it_is_run_again(shop: Workshop) -> None:
    check_all(shop)
