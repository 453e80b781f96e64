"""What ``views doctor`` asks beside Cassandra: services, the Spark master, the machines' provider. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from cassandra_client.database import Database
from cassandra_client.members import Member
from cassandra_healing.model import WORK_OBSERVERS, MemberId, ProbeResult
from cassandra_healing.policy import ServicePolicy
from cassandra_healing.probes.machine import ask_provider
from cassandra_healing.probes.service import ServiceProber
from cassandra_healing.session import ClusterSession
from cassandra_views.apply.spark_master import find_unreachable_reason
from cassandra_views.plan.doctor_facts import WatchedService
from cassandra_views.project.settings import Settings

AT_ONCE = 12
"""Questions under way at once."""


def read_services(database: Database, settings: Settings) -> tuple[WatchedService, ...]:
    """Return whether each service of ``[healing.services]`` does its work."""
    services: Mapping[str, ServicePolicy] = settings.env.healing.services
    if not services:
        return ()
    session = ClusterSession(database.session, timeout_seconds=settings.env.healing.timeout_seconds)
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="doctor_services") as pool:
        asked = ServiceProber(session, services, pool).begin(datetime.now(UTC))
        found = []
        for each in asked:
            work = next(one for one in each.result() if one.observer in WORK_OBSERVERS)
            works = None if work.result is ProbeResult.NEUTRAL else work.result in (ProbeResult.GOOD, ProbeResult.SLOW)
            found.append(WatchedService(name=work.node.address, works=works, detail=work.detail or work.result.value))
    return tuple(found)


def find_spark_fault(settings: Settings) -> str | None:
    """Return why the Spark master of audits cannot be used; None where it can, or none is named."""
    master = settings.env.audit.spark_master
    return find_unreachable_reason(master) if master else None


def read_disk_shares(settings: Settings, members: Iterable[Member]) -> dict[str, float]:
    """Return how full the data disk of each node is, where the machine's provider says so."""
    command = settings.env.healing.machine_command
    if not command:
        return {}
    ids = [MemberId(host_id=member.host_id, address=member.address) for member in members]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="doctor_machines") as pool:
        asked = pool.map(lambda node: ask_provider(node, command), ids)
        shares = {node.address: each.disk_used_share for node, each in zip(ids, asked, strict=True)}
    return {address: share for address, share in shares.items() if share is not None}
