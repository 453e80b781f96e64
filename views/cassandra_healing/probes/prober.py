"""One health check: all observers of nodes and services at once, with the topology as the nodes describe it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from cassandra import InvalidRequest
from cassandra.pool import Host

from cassandra_client.database import Answer, Row
from cassandra_client.driver_errors import short_driver_text
from cassandra_healing.model import (
    ClusterTopology,
    HealthCheck,
    MemberId,
    Observation,
    ObserverKind,
    ProbeResult,
    ReplicatedKeyspace,
    WatchedMember,
)
from cassandra_healing.policy import Policy
from cassandra_healing.probes import gossip, machine
from cassandra_healing.probes.service import ServiceProber
from cassandra_healing.session import ClusterSession

_PROBE = "SELECT host_id, data_center, rack, tokens FROM system.local"
_PEERS = "SELECT host_id, data_center, rack, tokens FROM system.peers_v2"
_KEYSPACES = "SELECT keyspace_name, replication FROM system_schema.keyspaces"
_SETTINGS = "SELECT name, value FROM system_views.settings"
_STREAMS = "SELECT operation AS what, status FROM system_views.streaming"
_REPAIRS = "SELECT keyspace_name AS what, status FROM system_views.repairs"
_SEEDS = re.compile(r"\bseeds=|\"seeds\":")
"""What stands before them: as Java prints a map, and as JSON (Cassandra 6.0)."""
_ENDED = ("success", "failed", "failure", "completed")


class ClusterProber:
    """Probes a cluster through a session, and the services beside it.

    Sends two queries to each node and two more to one of them; three more where a node does not answer.

    Args:
        clock: what time it is, aware UTC.
    """

    def __init__(
        self,
        session: ClusterSession,
        policy: Policy,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session
        self._policy = policy
        self._clock = clock
        self._heartbeats = gossip.HeartbeatTracker(still_seconds=policy.still_seconds)
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="cassandra_healing")
        # Apart: services that answer late hold up no probe of a node.
        self._service_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="cassandra_healing_services")
        self._services = ServiceProber(session, policy.services, self._service_pool)

    def close(self) -> None:
        """End the threads; the session is left open."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._service_pool.shutdown(wait=False, cancel_futures=True)

    def restore(self, checks: Iterable[HealthCheck]) -> None:
        """Take over earlier checks, oldest first, so that the next one does not start over."""
        self._heartbeats.restore(checks)

    def check(self) -> HealthCheck:
        """Check once; takes as long as the slowest answer, at most twice the time-out.

        Nothing that a node or service does raises: an error is a result.
        """
        at = self._clock()
        hosts = {_id(host): host for host in self._session.hosts() if host.host_id is not None}
        nodes = tuple(sorted(hosts, key=lambda node: node.address))
        connections = [
            self._pool.submit(machine.probe_port, node, hosts[node].endpoint.port, self._policy.timeout_seconds)
            for node in nodes
        ]
        probes = dict(zip(nodes, self._session.ask(_PROBE, hosts.values()), strict=True))
        services = self._services.begin(at)  # now the session knows which nodes answer
        answering = [node for node in nodes if probes[node].error is None]
        heard = self._session.ask(gossip.GOSSIP_QUERY, [hosts[node] for node in answering])
        gossip_rows = {node: answer.rows for node, answer in zip(answering, heard, strict=True) if answer.error is None}
        unreadable = {
            node: short_driver_text(answer.error) for node, answer in zip(answering, heard, strict=True) if answer.error
        }
        unanswering = [node for node in nodes if node not in answering]
        machine_probes = [
            self._pool.submit(machine.ask_provider, node, self._policy.machine_command) for node in unanswering
        ]
        observations = [
            *self._heartbeats.observe(at, gossip_rows, nodes),
            *(
                each
                for peer, why in unreadable.items()
                for each in self._heartbeats.observe_unreadable(peer, why, nodes)
            ),
            *(self._cql(node, probes[node]) for node in nodes),
            *(each.result() for each in connections),
            *((each.result() for each in machine_probes) if self._policy.machine_command else ()),
            *(each for observed in services for each in observed.result()),
        ]
        cluster = (
            self._facts(nodes, answering, hosts, probes, gossip_rows, is_well=not unanswering) if gossip_rows else None
        )
        return HealthCheck(at=at, observations=tuple(observations), cluster=cluster)

    def _cql(self, node: MemberId, answer: Answer) -> Observation:
        if answer.error is not None:
            return Observation(
                node=node, observer=ObserverKind.CQL, result=ProbeResult.BAD, detail=short_driver_text(answer.error)
            )
        is_slow = answer.seconds > self._policy.slow_seconds
        return Observation(
            node=node,
            observer=ObserverKind.CQL,
            result=ProbeResult.SLOW if is_slow else ProbeResult.GOOD,
            detail=f"{answer.seconds * 1000:.0f} ms",
            seconds=answer.seconds,
        )

    def _facts(
        self,
        nodes: Sequence[MemberId],
        answering: Sequence[MemberId],
        hosts: Mapping[MemberId, Host],
        probes: Mapping[MemberId, Answer],
        gossip_rows: Mapping[MemberId, Sequence[Row]],
        *,
        is_well: bool,
    ) -> ClusterTopology:
        """Put together what the nodes that answer say; seeds and work only where something may be done."""
        first = next(node for node in answering if node in gossip_rows)
        unread: list[str] = []
        peers, keyspaces = (self._read(query, hosts[first], unread) for query in (_PEERS, _KEYSPACES))
        rows = {row["host_id"]: row for row in peers}
        rows.update({row["host_id"]: row for node in answering for row in probes[node].rows})
        unread += [f"the tokens of {node}" for node in nodes if not (rows.get(node.host_id) or {}).get("tokens")]
        live = {str(node.host_id) for node in answering}
        settings: Mapping[str, str] = {}
        work: tuple[str, ...] = ()
        if not is_well:
            found = self._read(_SETTINGS, hosts[first], unread)
            settings = {row["name"]: row["value"] or "" for row in found}
            work = self._work({node: hosts[node] for node in answering}, unread)
        addresses = {
            str(row[key]): str(row["host_id"]) for row in gossip_rows[first] for key in ("hostname", "address")
        }
        return ClusterTopology(
            name=self._session.cluster_name,
            nodes=tuple(_node(node, rows.get(node.host_id), gossip_rows) for node in nodes),
            keyspaces=tuple(self._keyspaces(keyspaces, settings)),
            schema_versions=tuple(
                sorted({str(row["schema"]) for row in gossip_rows[first] if row["host_id"] in live and row["schema"]})
            ),
            seeds=find_seeds(settings, addresses, nodes),
            work=work,
            unread=tuple(unread),
        )

    def _read(self, query: str, host: Host, unread: list[str]) -> tuple[Row, ...]:
        """Ask one node; note what could not be read."""
        answer = self._session.ask(query, [host])[0]
        if answer.error is not None:
            unread.append(
                f"{query.partition(' FROM ')[2]} on {host.endpoint.address}: {short_driver_text(answer.error)}"
            )
        return answer.rows

    def _keyspaces(self, rows: Iterable[Row], settings: Mapping[str, str]) -> Iterable[ReplicatedKeyspace]:
        for row in rows:
            name, replication = row["keyspace_name"], dict(row["replication"])
            # One replica by default, and nothing in it where nobody logs in.
            authenticator = settings.get("authenticator", "AllowAllAuthenticator") or "AllowAllAuthenticator"
            is_unused = name == "system_auth" and "AllowAllAuthenticator" in authenticator
            is_local = replication.get("class", "").endswith(("LocalStrategy", "MetaStrategy"))
            if not (is_local or is_unused or name in self._policy.ignored_keyspaces):
                yield ReplicatedKeyspace(name=name, replication=replication)

    def _work(self, hosts: Mapping[MemberId, Host], unread: list[str]) -> tuple[str, ...]:
        """Return the repairs and streams that run; a version without these tables tells of none."""
        found = []
        for query, words in ((_STREAMS, "{} streams on {}"), (_REPAIRS, "a repair of {} by {}")):
            for answer, node in zip(self._session.ask(query, hosts.values()), hosts, strict=True):
                if answer.error is not None and not isinstance(answer.error, InvalidRequest):
                    unread.append(f"{query.partition(' FROM ')[2]} on {node}: {short_driver_text(answer.error)}")
                running = {str(row["what"]) for row in answer.rows if str(row["status"]).lower() not in _ENDED}
                found += [words.format(each.lower(), node) for each in sorted(running)]
        return tuple(found)


def _id(host: Host) -> MemberId:
    return MemberId(host_id=host.host_id, address=str(host.endpoint.address))


def _node(node: MemberId, row: Row | None, gossip_rows: Mapping[MemberId, Sequence[Row]]) -> WatchedMember:
    status, generation = gossip.status_of(node, gossip_rows)
    return WatchedMember(
        id=node,
        data_center=row["data_center"] or "" if row else "",
        rack=row["rack"] or "" if row else "",
        status=status,
        tokens=tuple(sorted(row["tokens"] or ())) if row else (),
        started_at=gossip.started_at(generation),
    )


def find_seeds(settings: Mapping[str, str], addresses: Mapping[str, str], nodes: Sequence[MemberId]) -> frozenset[str]:
    """Return the seeds among the nodes, by the addresses that clients use; nodes listen to peers on others.

    Where the names of seeds cannot be told from each other (an alias of several) each node counts as one.

    Args:
        addresses: the host id of each address and name that peers use.
    """
    providers = [value for key, value in settings.items() if key.startswith("seed_provider")]
    text = next((_SEEDS.split(value, maxsplit=1)[1] for value in providers if _SEEDS.search(value)), "")
    named = re.findall(r"[\w.:\-\[\]]+", text)
    hosts = {each.rpartition(":")[0] if each.count(":") == 1 else each for each in named}
    by_host = {str(node.host_id): node.address for node in nodes}
    found = {by_host[host_id] for name, host_id in addresses.items() if name in hosts and host_id in by_host}
    return frozenset(found or (by_host.values() if hosts else ()))
