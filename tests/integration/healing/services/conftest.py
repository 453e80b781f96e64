"""A monitor of services that records its checks in a real Cassandra, and what carries out its decisions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connect_alone
from cassandra_healing.model import MemberId, OperationOutcome
from cassandra_healing.monitor import ClusterMonitor, HealthReport, TargetReport
from cassandra_healing.operations.executor import OperationExecutor
from cassandra_healing.operations.node_actions import NodeActions
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal

QUICK: dict[str, Any] = {"grace_checks": 2, "grace_minutes": 0.02, "back_minutes": 0.1, "timeout_seconds": 2.0}


class Watch:
    """A monitor of services, and an executor."""

    def __init__(self, session: Session, keyspace: str, services: dict[str, Any]) -> None:
        self.policy = Policy.model_validate({"mode": "automatic", "keyspace": keyspace, "services": services})
        asked = ClusterSession(session, timeout_seconds=5)
        self.journal = Journal(asked, keyspace, author="tests")
        self.monitor = ClusterMonitor(asked, self.policy, author="tests", is_recording=True)
        node_actions = NodeActions(self.policy, connect=partial(connect_alone, port=1))
        self.executor = OperationExecutor(
            asked, self.policy, self.monitor, node_actions, journal=self.journal, author="tests"
        )
        self.report = self.monitor.check()

    def check(self) -> dict[str, TargetReport]:
        self.report = self.monitor.check()
        assert self.report.notes == ()
        return {each.decision.on: each for each in self.report.services}

    def until(self, is_so: Callable[[dict[str, TargetReport]], bool], seconds: float = 90) -> dict[str, TargetReport]:
        """Check on until something is so."""
        deadline = time.monotonic() + seconds
        while not is_so(found := self.check()):
            assert time.monotonic() < deadline, found
            time.sleep(0.4)
        return found

    def heal(self, name: str, report: HealthReport | None = None) -> OperationOutcome | None:
        """Carry out what the last check, or an earlier one, decided about a service."""
        progress = self.executor.begin_or_resume(report or self.report, MemberId.of_service(name).target)
        assert progress is not None
        return self.executor.run(progress).outcome


def verdict(report: TargetReport) -> str:
    """Return how a service is."""
    assert report.health is not None
    return report.health.verdict.value


@pytest.fixture
def watch(session: Session) -> Iterator[Callable[[dict[str, Any]], Watch]]:
    """Return what makes a monitor of services; its keyspace goes at the end."""
    keyspace = f"health_{uuid.uuid4().hex[:8]}"
    made: list[Watch] = []

    def make(services: dict[str, Any]) -> Watch:
        made.append(Watch(session, keyspace, services))
        return made[-1]

    yield make
    for each in made:
        each.monitor.close()
    session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=60)
