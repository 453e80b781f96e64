"""A real Spark master and two workers of the local form, and a watcher of them that keeps its checks in Cassandra."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_healing.policy import Policy
from cassandra_healing.services.monitor import ServiceMonitor, ServiceReport
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal

QUICK: dict[str, Any] = {"grace_checks": 2, "grace_minutes": 0.02, "back_minutes": 0.1, "timeout_seconds": 2.0}


@dataclass
class Watch:
    """A watcher of services, and what it looks by."""

    monitor: ServiceMonitor
    journal: Journal
    policy: Policy

    def check(self) -> dict[str, ServiceReport]:
        found = {each.health.service: each for each in self.monitor.check(is_cluster_well=True)}
        assert self.monitor.notes == []
        return found

    def until(self, is_so: Callable[[dict[str, ServiceReport]], bool], seconds: float = 90) -> dict[str, ServiceReport]:
        """Look on until something is so."""
        deadline = time.monotonic() + seconds
        while not is_so(found := self.check()):
            assert time.monotonic() < deadline, found
            time.sleep(0.4)
        return found


@pytest.fixture
def watch(session: Session) -> Iterator[Callable[[dict[str, Any]], Watch]]:
    """Return what makes a watcher of services; its keyspace goes at the end."""
    keyspace = f"health_{uuid.uuid4().hex[:8]}"
    made: list[Watch] = []

    def make(services: dict[str, Any]) -> Watch:
        policy = Policy.model_validate({"mode": "automatic", "keyspace": keyspace, "services": services})
        asked = ClusterSession(session, timeout_seconds=5)
        journal = Journal(asked, keyspace, author="tests")
        monitor = ServiceMonitor(asked, policy, journal, author="tests", is_recording=True)
        made.append(Watch(monitor, journal, policy))
        return made[-1]

    yield make
    for each in made:
        each.monitor.close()
    session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=60)
