"""The decision table of services: what a case in decisions/services/*.yaml may say, and its checks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from cassandra_healing.decision import Rule
from cassandra_healing.model import (
    HealingAction,
    HealthCheck,
    JournalState,
    MemberId,
    Observation,
    ObserverKind,
    Operation,
    OperationOutcome,
    OperatorNote,
    ProbeResult,
)
from cassandra_healing.policy import Mode, Policy
from tests.unit.healing.cases import Said, Strict, fates_of

FOLDER = Path(__file__).parent / "decisions" / "services"
_ACTS: dict[str, Any] = {"restart_command": ["restart", "{name}"], "replace_command": ["replace", "{name}"]}
_PAGE = "http://10.0.0.1:8080"


class Fate(StrEnum):
    """What becomes of a service, in one word."""

    UP = "up"
    DOWN = "down"
    """It does not do its work."""
    STOPPED = "stopped"
    """Its work cannot be looked at, and its machine says that it does not run."""
    GONE = "gone"
    """Its machine no longer exists."""
    UNSEEN = "unseen"
    """Nobody could tell."""


NODE = MemberId(host_id=uuid.UUID(int=1), address="10.0.0.1")
"""The one node of Cassandra beside the services."""

_SIGNS = {
    Fate.UP: (ProbeResult.GOOD, ProbeResult.NEUTRAL),
    Fate.DOWN: (ProbeResult.BAD, ProbeResult.NEUTRAL),
    Fate.STOPPED: (ProbeResult.NEUTRAL, ProbeResult.BAD),
    Fate.GONE: (ProbeResult.BAD, ProbeResult.GONE),
    Fate.UNSEEN: (ProbeResult.NEUTRAL, ProbeResult.NEUTRAL),
}


class Now(Strict):
    """What becomes different for one service at one moment, and since then."""

    minute: int
    service: str
    act: HealingAction
    rule: Rule

    def __str__(self) -> str:
        return f"minute {self.minute}: {self.service}: {self.act}, {self.rule}"


class Done(Strict):
    act: HealingAction
    service: str
    begun: int
    ended: int | None = None
    outcome: OperationOutcome | None = None


class Case(Strict):
    """One case: what happens to the services minute by minute, and each decision that differs from the one before."""

    name: str
    because: str = ""
    minutes: int | None = None
    services: dict[str, dict[str, Any]] = Field(
        default_factory=lambda: {
            "spark": {"kind": "spark-master", "page": _PAGE, **_ACTS},
            "w1": {"kind": "spark-worker", "page": _PAGE, "address": "10.0.0.2", **_ACTS},
            "w2": {"kind": "spark-worker", "page": _PAGE, "address": "10.0.0.3", **_ACTS},
            "feed": {"kind": "heartbeat", "newest": "SELECT ...", "needs": ["cluster"], **_ACTS},
        }
    )
    """By name: keys of views.toml; with ``policy`` those of ``about`` are changed."""
    policy: dict[str, Any] = Field(default_factory=dict)
    fates: dict[str, str] = Field(default_factory=dict)
    """By service: ``up 5, down 20``; the last goes on to the end, one that is not named is up."""
    cluster_away: tuple[Said, ...] = ()
    journal_away: tuple[Said, ...] = ()
    nobody_looks: tuple[Said, ...] = ()
    stop: tuple[Said, ...] = ()
    skip: tuple[Said, ...] = ()
    """``node`` names the service."""
    journal: tuple[Done, ...] = ()
    decisions: tuple[Now, ...]
    """Of the services that ``fates`` names."""

    def all_policy(self, mode: Mode = Mode.AUTOMATIC) -> Policy:
        services = {
            name: {**given, **(self.policy if name in self.fates else {})} for name, given in self.services.items()
        }
        return Policy.model_validate({"mode": mode, "services": services})

    @property
    def length(self) -> int:
        longest = max((sum(count for _word, count in fates_of(text, Fate)) for text in self.fates.values()), default=1)
        return self.minutes or max(longest, 1 + max(each.minute for each in self.decisions))

    def at(self, minute: int) -> datetime:
        return datetime.fromisoformat("2026-11-24T01:00:00+00:00") + timedelta(minutes=minute)

    def fate(self, name: str, minute: int) -> Fate:
        passed, fate = 0, Fate.UP
        for word, count in fates_of(self.fates.get(name, "up 1"), Fate):
            fate = word
            passed += count
            if minute < passed:
                break
        return fate

    def checks(self) -> Iterator[tuple[int, HealthCheck]]:
        for minute in range(self.length):
            if any(each.holds(minute) for each in self.nobody_looks):
                continue
            is_away = any(each.holds(minute) for each in self.cluster_away)
            result = ProbeResult.BAD if is_away else ProbeResult.GOOD
            seen = [Observation(node=NODE, observer=ObserverKind.CQL, result=result)]
            for name, given in self.services.items():
                node = MemberId.of_service(name)
                work, machine = _SIGNS[self.fate(name, minute)]
                seen.append(Observation(node=node, observer=ObserverKind(given["kind"]), result=work))
                seen.append(Observation(node=node, observer=ObserverKind.MACHINE, result=machine))
            yield minute, HealthCheck(at=self.at(minute), observations=tuple(seen))

    def read_state(self, minute: int) -> JournalState:
        if any(each.holds(minute) for each in self.journal_away):
            return JournalState(is_readable=False)

        def word(said: Said) -> OperatorNote:
            return OperatorNote(by="ann", why=said.why, at=self.at(said.begin))

        operations = []
        for number, each in enumerate(self.journal):
            if each.begun <= minute:
                is_ended = each.ended is not None and each.ended <= minute
                operations.append(
                    Operation(
                        id=uuid.UUID(int=number),
                        act=each.act,
                        node=MemberId.of_service(each.service),
                        begun_at=self.at(each.begun),
                        ended_at=self.at(each.ended) if is_ended and each.ended is not None else None,
                        outcome=each.outcome if is_ended else None,
                    )
                )
        return JournalState(
            stopped=next((word(each) for each in self.stop if each.holds(minute)), None),
            skips={MemberId.of_service(each.node).host_id: word(each) for each in self.skip if each.holds(minute)},
            operations=tuple(operations),
        )


def load() -> list[tuple[str, Case]]:
    """Return all cases by an id of file and name."""
    return [
        (f"{path.stem}: {found['name']}", Case.model_validate(found))
        for path in sorted(FOLDER.glob("*.yaml"))
        for found in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
