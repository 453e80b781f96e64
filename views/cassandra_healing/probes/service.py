"""What is seen of services: whether they work, their ports, their machines."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra_client.errors import ClusterError
from cassandra_healing.model import MemberId, Observation, ObserverKind, ProbeResult
from cassandra_healing.policy import ServiceKind, ServicePolicy
from cassandra_healing.probes.machine import ask_provider, connect
from cassandra_healing.session import ClusterSession

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CANNOT_TELL = 75
"""The exit code of a probe that could not look: EX_TEMPFAIL of sysexits.h."""
_SPARK_PORTS = {ServiceKind.SPARK_WORKER: 8081}

MasterPage = Mapping[str, Any] | str
"""What a master's page says, or why it cannot be read."""


class ServiceProber:
    """Probes services. Reads each master's page once a check; asks for the machines only of those that do not work.

    Args:
        session: for what services write into the cluster.
        pool: where each service is probed, at once; closed by its maker.
    """

    def __init__(
        self, session: ClusterSession, services: Mapping[str, ServicePolicy], pool: ThreadPoolExecutor
    ) -> None:
        self._session = session
        self._services = services
        self._pool = pool

    def begin(self, at: datetime) -> list[Future[tuple[Observation, ...]]]:
        """Begin a check; what each service did is a result, and no error. Takes as long as the slowest answer."""
        timeouts = {each.page: each.timeout_seconds for each in self._services.values() if each.page}
        pages = {url: self._pool.submit(read_page, url, seconds) for url, seconds in timeouts.items()}
        return [self._pool.submit(self._observe, name, at, pages) for name in self._services]

    def _observe(self, name: str, at: datetime, pages: Mapping[str, Future[MasterPage]]) -> tuple[Observation, ...]:
        policy, node = self._services[name], MemberId.of_service(name)
        match policy.kind:
            case ServiceKind.SPARK_MASTER:
                work, detail = assess_master(pages[policy.page].result())
            case ServiceKind.SPARK_WORKER:
                work, detail = assess_worker(pages[policy.page].result(), policy.host, policy.port)
            case ServiceKind.HEARTBEAT:
                work, detail = self._heartbeat(policy, at)
            case ServiceKind.PROBE:
                work, detail = _probe(_filled(policy.probe_command, name, policy), policy.timeout_seconds)
        found = [Observation(node=node, observer=ObserverKind(policy.kind.value), result=work, detail=detail)]
        port = policy.port or (_SPARK_PORTS.get(policy.kind) if policy.address else None)
        if port is not None:
            result, detail = connect(policy.host, port, policy.timeout_seconds)
            found.append(Observation(node=node, observer=ObserverKind.TCP, result=result, detail=detail))
        if policy.machine_command and work is not ProbeResult.GOOD:
            values = {"name": name, "address": policy.host}
            found.append(ask_provider(node, policy.machine_command, values))
        return tuple(found)

    def _heartbeat(self, policy: ServicePolicy, at: datetime) -> tuple[ProbeResult, str]:
        try:
            rows = self._session.rows(policy.newest)
        except ClusterError as error:
            return ProbeResult.NEUTRAL, error.what
        values = [value for row in rows[:1] for value in list(row.values())[:1] if value is not None]
        if not values:
            return ProbeResult.BAD, "it has written nothing yet"
        try:
            newest = _moment(values[0], policy.time_format)
        except ValueError as error:
            return ProbeResult.NEUTRAL, f"its value is not a time: {error}"
        age = at - newest
        is_young = age <= timedelta(seconds=policy.max_age_seconds)
        return ProbeResult.GOOD if is_young else ProbeResult.BAD, f"it wrote last {age.total_seconds():.0f} s ago"


def read_page(url: str, timeout_seconds: float) -> MasterPage:
    """Return what a Spark master's page says, or why it cannot be read."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/json/", timeout=timeout_seconds) as answer:
            found = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        return (getattr(reason, "strerror", None) or str(reason) or type(reason).__name__).lower()
    return found if isinstance(found, dict) else "it is not the page of a Spark master"


def assess_master(page: MasterPage) -> tuple[ProbeResult, str]:
    """Return how a master is, by its own page."""
    if isinstance(page, str):
        return ProbeResult.BAD, page
    status = str(page.get("status", "of no status"))
    return ProbeResult.GOOD if status in ("ALIVE", "STANDBY") else ProbeResult.NEUTRAL, f"it is {status}"


def assess_worker(page: MasterPage, host: str, port: int | None) -> tuple[ProbeResult, str]:
    """Return how a worker is, by the page of its master; a master that does not lead knows of none."""
    if isinstance(page, str):
        return ProbeResult.NEUTRAL, f"the master's page cannot be read: {page}"
    if page.get("status") != "ALIVE":
        return ProbeResult.NEUTRAL, f"the master is {page.get('status')}"
    states = [
        str(each.get("state"))
        for each in page.get("workers", ())
        if each.get("host") == host and (port is None or str(each.get("webuiaddress", "")).endswith(f":{port}"))
    ]
    if "ALIVE" in states:
        return ProbeResult.GOOD, "alive to its master"
    return ProbeResult.BAD, f"{states[-1].lower()} to its master" if states else "its master does not know it"


def _moment(value: Any, time_format: str) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if isinstance(value, int):
        return _EPOCH + timedelta(microseconds=value)
    found = datetime.strptime(str(value), time_format)  # noqa: DTZ007 -- the next line
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _probe(command: tuple[str, ...], timeout_seconds: float) -> tuple[ProbeResult, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    except subprocess.TimeoutExpired:
        return ProbeResult.BAD, f"the probe did not finish within {timeout_seconds:g} s"
    except OSError as error:
        return ProbeResult.NEUTRAL, f"the probe cannot be run: {error.strerror}"
    output = " ".join((done.stdout or done.stderr).split())[:80]
    detail = f"exit code {done.returncode}" + (f": {output}" if output else "")
    if done.returncode == _CANNOT_TELL:
        return ProbeResult.NEUTRAL, detail
    return ProbeResult.GOOD if done.returncode == 0 else ProbeResult.BAD, detail


def _filled(command: tuple[str, ...], name: str, policy: ServicePolicy) -> tuple[str, ...]:
    return tuple(part.replace("{name}", name).replace("{address}", policy.host) for part in command)
