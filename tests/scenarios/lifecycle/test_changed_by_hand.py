"""Somebody changes the base or a view by hand under a view that serves: each command tells it, and it ends right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from cassandra_views.cli.main import main
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, set_up
from tests.scenarios.lifecycle.workshop import Workshop

TABLE = f"CREATE TABLE {{k}}.readings ({READINGS.table[1]})"
DROP_VIEW = f'DROP MATERIALIZED VIEW {{k}}."{VIEW}__g1"'
DROP_TABLE = "DROP TABLE {k}.readings"
BY_HAND = (
    'CREATE MATERIALIZED VIEW {{k}}."{name}" AS SELECT ts, sensor, value FROM {{k}}.readings '
    "WHERE ts IS NOT NULL AND sensor IS NOT NULL PRIMARY KEY (ts, sensor)"
)
START = datetime(2026, 3, 7)  # noqa: DTZ001  # as the driver gives timestamps
SUSPECT = "apply marks it suspect and audits it in full"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is done by hand, and what each command then says.

    Each command is its exit code and words of its answer.

    Args:
        condition: the word of `views status` before anything is put right.
        ends: that word after the apply.
        correct: what a person then corrects in the view's file, after which it is applied again.
        serves: the number of the generation that serves in the end; None where nothing can.
        leaves: views that somebody made, which are there at the end.
    """

    name: str
    by_hand: tuple[str, ...]
    condition: str
    plan: tuple[int, str]
    audit: tuple[int, str]
    apply: tuple[int, str]
    ends: str = "serving"
    correct: tuple[str, str] | None = None
    serves: int | None = 1
    leaves: tuple[str, ...] = ()


CASES = (
    Case(
        name="a column is added",
        by_hand=("ALTER TABLE {k}.readings ADD added int",),
        condition="serving",
        plan=(0, f"the columns of the base table were altered; {SUSPECT}"),
        audit=(0, "passed"),
        apply=(0, "the cluster is as the files say"),
    ),
    Case(
        name="a column of the key is renamed",
        by_hand=("ALTER TABLE {k}.readings RENAME sensor TO probe",),
        condition="serving",
        plan=(1, "sensor"),
        audit=(1, "column sensor is missing; column probe is not asked for"),
        apply=(1, "sensor"),
        ends="differs",
        correct=("sensor", "probe"),
        serves=2,
    ),
    Case(
        name="it is truncated",
        by_hand=("TRUNCATE {k}.readings",),
        condition="serving",
        plan=(0, f"the base table was truncated at .*; {SUSPECT}"),
        audit=(0, "passed"),
        apply=(0, "the cluster is as the files say"),
    ),
    Case(
        name="the view is dropped",
        by_hand=(DROP_VIEW,),
        condition="broken",
        plan=(0, "generation 1 is gone from the schema"),
        audit=(1, "it is no longer in the schema"),
        apply=(0, "readers are sent to"),
        serves=2,
    ),
    Case(
        name="the view is dropped, and then a column that it shows",
        by_hand=(DROP_VIEW, "ALTER TABLE {k}.readings DROP value"),
        condition="broken",
        plan=(1, "value"),
        audit=(1, "it is no longer in the schema"),
        apply=(1, "value"),
        ends="broken",
        correct=(", value", ""),
        serves=2,
    ),
    Case(
        name="the base is created again with another id",
        by_hand=(DROP_VIEW, DROP_TABLE, TABLE),
        condition="broken",
        plan=(0, "generation 1 is gone from the schema"),
        audit=(1, "it is no longer in the schema"),
        apply=(0, "readers are sent to"),
        serves=2,
    ),
    Case(
        name="base and view are created again under their names",
        by_hand=(DROP_VIEW, DROP_TABLE, TABLE, BY_HAND.format(name=f"{VIEW}__g1")),
        condition="broken",
        plan=(0, "generation 1 is gone from the schema"),
        audit=(1, "it differs from its base"),
        apply=(0, "readers are sent to"),
        serves=2,
        leaves=(f"{VIEW}__g1",),
    ),
    Case(
        name="the base is gone",
        by_hand=(DROP_VIEW, DROP_TABLE),
        condition="broken",
        plan=(1, "readings"),
        audit=(1, "it is no longer in the schema"),
        apply=(1, "readings"),
        serves=None,
        ends="broken",
    ),
    Case(
        name="a view is made on it",
        by_hand=(BY_HAND.format(name="mine"),),
        condition="serving",
        plan=(0, "the cluster is as the files say"),
        audit=(0, "passed"),
        apply=(0, "the cluster is as the files say"),
        leaves=("mine",),
    ),
)

Views = Callable[[str, tuple[int, str]], str]


@pytest.fixture
def views(command_line: Workshop, capsys: pytest.CaptureFixture[str]) -> Views:
    """The command: it must end with this code, say these words, and tell a failure in four parts."""

    def call(command: str, expected: tuple[int, str]) -> str:
        code, words = expected
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--now", command_line.now.isoformat(), *command.split()])
        told = capsys.readouterr()
        text = " ".join((told.out + told.err).split())
        assert ended.value.code == code, f"views {command}: {text}"
        assert "Traceback" not in text
        if code:
            assert all(part in text for part in ("Error: ", "State: ", "Next: ")), text
        assert re.search(words, text), f"views {command}: {text}"
        return text

    return call


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_somebody_changed_by_hand_is_told_and_put_right(workshop: Workshop, views: Views, case: Case) -> None:
    set_up(workshop, READINGS)
    workshop.apply()
    for cql in case.by_hand:
        workshop.session.execute(cql.format(k=workshop.keyspace))
    workshop.now += timedelta(minutes=1)
    name = workshop.full(VIEW)
    views(f"status {name}", (0, rf"{name} {case.condition} "))
    views(f"plan {name}", case.plan)
    views(f"audit {name}", case.audit)
    views(f"apply {name} --yes", case.apply)
    views(f"status {name}", (0, rf"{name} {case.ends} "))
    if case.correct is not None:
        path = workshop.folder / "views" / f"{VIEW}.cql.j2"
        path.write_text(path.read_text().replace(*case.correct))
        views(f"apply {name} --yes", (0, "readers are sent to"))
    if case.serves is None:
        return
    serving = f"{VIEW}__g{case.serves}"
    assert workshop.serving(VIEW) == serving
    assert len(workshop.rows(serving)) == sum(row["ts"] >= START for row in workshop.rows("readings"))
    workshop.now += timedelta(hours=2)  # the grace of what was replaced is over
    views(f"apply {name} --yes", (0, ""))
    assert workshop.physical_views() == {serving, *case.leaves}
    assert workshop.manager().plan([name]).steps == ()
