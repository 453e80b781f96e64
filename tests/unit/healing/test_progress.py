"""How far an operation is, by the journal's word."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from cassandra_healing.model import OperationOutcome
from cassandra_healing.operation_progress import OperationProgress, OperationStep, read_progress
from cassandra_healing.storage.journal import JournalEntry

OPERATION, NODE = uuid.UUID(int=1), uuid.UUID(int=3)
BEGUN = datetime(2026, 11, 24, 1, tzinfo=UTC)


def read(*events: str, act: str = "replace", mode: str = "approve") -> OperationProgress:
    """Read ``begun`` and lines such as ``fence``, ``fence done``, ``approved``, ``ended failed``."""
    lines = [_line(0, "begun", act=act, mode=mode, detail="it is gone", evidence=("cql: bad",))]
    for number, text in enumerate(events, start=1):
        word, _space, outcome = text.partition(" ")
        if word in set(OperationStep):
            lines.append(_line(number, "step", rule=word, outcome=outcome))
        else:
            lines.append(_line(number, word, outcome=outcome, detail="because"))
    found = read_progress(lines)
    assert found is not None
    return found


def _line(
    number: int,
    event: str,
    *,
    act: str = "replace",
    mode: str = "",
    rule: str = "",
    outcome: str = "",
    detail: str = "",
    evidence: Sequence[str] = (),
) -> JournalEntry:
    return JournalEntry(
        at=BEGUN + timedelta(seconds=number),
        event=event,
        author="ann",
        operation=OPERATION,
        act=act,
        node="10.0.0.3",
        host_id=NODE,
        mode=mode,
        rule=rule,
        outcome=outcome,
        detail=detail,
        evidence=tuple(evidence),
    )


@pytest.mark.parametrize(
    ("act", "mode", "steps"),
    [
        ("restart", "approve", "approve restart normal close"),
        ("restart", "automatic", "restart normal close"),
        ("replace", "approve", "plan approve fence apply normal repair terminate audit close"),
        ("replace", "automatic", "plan fence apply normal repair terminate audit close"),
    ],
)
def test_the_steps_come_in_their_order(act: str, mode: str, steps: str) -> None:
    done: list[str] = []
    for step in steps.split():
        assert read(*done, act=act, mode=mode).next == step
        # Begun is not done: after a kill it comes again.
        assert read(*done, step, act=act, mode=mode).next == step
        done += [step, f"{step} done"]
    assert read(*done[:-2], "ended done", act=act, mode=mode).next is None


def test_it_waits_until_somebody_said_something() -> None:
    assert read("plan done").is_waiting
    assert not read().is_waiting, "the plan comes first"
    for word in ("approved", "refused"):
        assert not read("plan done", word).is_waiting
    found = read("plan done", "approved", "refused")
    assert (found.approved, found.refused and found.refused.author) == (None, "ann"), "the last word counts"


def test_what_touches_the_node_commits() -> None:
    assert not read("plan done", "approve done").is_committed
    assert read("plan done", "approve done", "fence").is_committed
    assert not read("approve done", act="restart").is_committed
    assert read("approve done", "restart", act="restart").is_committed


def test_failures_of_the_next_step_count_since_the_last_word() -> None:
    assert read("plan failed", "plan", "plan failed").failures == 2
    assert read("plan failed", "plan done").failures == 0, "it is the next step that counts"
    assert read("plan failed", "plan failed", "approved").failures == 0
    assert read("plan failed", "plan failed", "approved", "plan failed").failures == 1


def test_how_it_ended() -> None:
    assert read("ended withdrawn").outcome is OperationOutcome.WITHDRAWN
    assert read("plan done", "ended refused").next is None
    assert read_progress([_line(1, "step", rule="plan")]) is None, "its first line is missing"
