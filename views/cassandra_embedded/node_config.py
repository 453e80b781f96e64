"""The texts a node is started with: cassandra.yaml, logback.xml, the command line. Pure.

Source: conf/jvm-server.options, jvm11-server.options and jvm17-server.options of Cassandra 4.1 and 5.0,
less the tuning for large machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_EXPORTS = {
    11: (
        "java.base/jdk.internal.misc",
        "java.base/jdk.internal.ref",
        "java.base/sun.nio.ch",
        "java.management.rmi/com.sun.jmx.remote.internal.rmi",
        "java.rmi/sun.rmi.registry",
        "java.rmi/sun.rmi.server",
        "java.sql/java.sql",
    ),
    17: (
        "java.base/jdk.internal.misc",
        "java.base/java.lang.ref",
        "java.management.rmi/com.sun.jmx.remote.internal.rmi",
        "java.management/com.sun.jmx.remote.security",
        "java.rmi/sun.rmi.registry",
        "java.rmi/sun.rmi.server",
        "java.sql/java.sql",
        "jdk.unsupported/sun.misc",
    ),
}
_OPENS_OF_BOTH = (
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "jdk.management/com.sun.management.internal",
)
_OPENS = {
    11: _OPENS_OF_BOTH,
    17: (
        *_OPENS_OF_BOTH,
        "java.base/sun.nio.ch",
        "java.base/java.io",
        "java.base/java.lang.reflect",
        "java.base/java.lang",
        "java.base/java.util",
        "java.base/java.nio",
    ),
}

LOGBACK = """\
<configuration>
  <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>${cassandra.logdir}/system.log</file>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>${cassandra.logdir}/system.%i.log</fileNamePattern>
      <minIndex>1</minIndex>
      <maxIndex>2</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>20MB</maxFileSize>
    </triggeringPolicy>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """All that one node is started with.

    Attributes:
        number: counts from 1.
        of: how many nodes the cluster has.
        data_center: its data centre; empty for the one that Cassandra names itself (``datacenter1``).
        token: where its part of the ring ends.
        folder: the node's own folder; everything it writes is below it.
        address: where it listens, for clients and for peers.
        seed: the address of the first node.
    """

    number: int
    of: int
    folder: Path
    address: str
    seed: str
    port: int
    storage_port: int
    jmx_port: int
    cluster_name: str
    token: int
    data_center: str = ""


def ring_tokens(sizes: Sequence[int]) -> list[int]:
    """Return the one token of each node: each data centre has the ring in equal parts, the next one is a step aside.

    Args:
        sizes: how many nodes each data centre has.
    """
    return [
        -(2**63) + number * (2**64 // size) + 100 * center
        for center, size in enumerate(sizes)
        for number in range(size)
    ]


def cassandra_yaml(plan: NodePlan, settings: Mapping[str, Any]) -> str:
    """Return the node's cassandra.yaml; ``settings`` outrank what is chosen here."""
    chosen: dict[str, Any] = {
        "cluster_name": plan.cluster_name,
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "endpoint_snitch": "GossipingPropertyFileSnitch" if plan.data_center else "SimpleSnitch",
        "num_tokens": 1,
        "initial_token": str(plan.token),
        # An empty cluster has nothing to stream, and a joining node would wait for the ring's delay.
        "auto_bootstrap": False,
        "seed_provider": [
            {
                "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                "parameters": [{"seeds": f"{plan.seed}:{plan.storage_port}"}],
            }
        ],
        "listen_address": plan.address,
        "rpc_address": plan.address,
        "native_transport_port": plan.port,
        "storage_port": plan.storage_port,
        "commitlog_segment_size": "5MiB",
        "commitlog_total_space": "64MiB",
        "memtable_heap_space": "64MiB",
        "key_cache_size": "8MiB",
        "concurrent_reads": 4,
        "concurrent_writes": 4,
        "concurrent_materialized_view_writes": 4,
        "concurrent_materialized_view_builders": 2,
        "materialized_views_enabled": True,
        "auto_snapshot": False,
        "hinted_handoff_enabled": True,
    }
    if settings.get("commitlog_sync", "periodic") == "periodic":
        # The other kinds refuse to start with a period.
        chosen |= {"commitlog_sync": "periodic", "commitlog_sync_period": "10s"}
    if plan.of == 1:
        # There is no replica to be waited for in vain: what takes longer is a machine with much else to do.
        chosen |= {f"{kind}_request_timeout": "20s" for kind in ("read", "range", "write", "counter_write")}
        chosen |= {"request_timeout": "20s", "cas_contention_timeout": "5s"}
    return yaml.safe_dump({**chosen, **settings}, sort_keys=False)


def rack_properties(plan: NodePlan) -> str:
    """Return cassandra-rackdc.properties, which names the node's data centre."""
    return f"dc={plan.data_center}\nrack=rack1\n"


def java_command(
    java: Path, java_major: int, jars: Sequence[Path], plan: NodePlan, *, heap_mb: int, extra: Sequence[str]
) -> list[str]:
    """Return the command line of a node; ``extra`` comes last, so it outranks what is chosen here."""
    agents = [f"-javaagent:{jar}" for jar in jars if jar.name.startswith("jamm-")]
    return [
        str(java),
        f"-Xms{heap_mb}m",
        f"-Xmx{heap_mb}m",
        "-Xss256k",
        "-ea",
        "-da:net.openhft...",
        *agents,
        # The first compiler alone and the serial collector: half the boot time and a third of the memory.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-XX:+HeapDumpOnOutOfMemoryError",
        f"-XX:HeapDumpPath={plan.folder}",
        f"-XX:ErrorFile={plan.folder}/hs_err.log",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djdk.attach.allowAttachSelf=true",
        "-Djava.net.preferIPv4Stack=true",
        "-Dio.netty.tryReflectionSetAccessible=true",
        *module_flags(java_major),
        # The system's temporary folder may be mounted noexec, and JNA then cannot load, which is fatal.
        f"-Djava.io.tmpdir={plan.folder}/tmp",
        f"-Djna.tmpdir={plan.folder}/tmp",
        f"-Dcassandra.config={(plan.folder / 'cassandra.yaml').as_uri()}",
        f"-Dcassandra.storagedir={plan.folder}/data",
        f"-Dcassandra.logdir={plan.folder}/logs",
        f"-Dlogback.configurationFile={plan.folder}/logback.xml",
        f"-Dcassandra-rackdc.properties={(plan.folder / 'cassandra-rackdc.properties').as_uri()}",
        "-Dcassandra-foreground=yes",
        f"-Dcassandra.jmx.local.port={plan.jmx_port}",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.ring_delay_ms=1000",
        "-Dcassandra.superuser_setup_delay_ms=0",
        "-Dcassandra.size_recorder_interval=5",
        "-Dcassandra.shutdown_announce_in_ms=0",
        "-Dcassandra.batchlog.replay_timeout_in_ms=500",
        *extra,
        "-cp",
        ":".join(str(jar) for jar in jars),
        "org.apache.cassandra.service.CassandraDaemon",
    ]


def module_flags(java_major: int) -> list[str]:
    """Return what opens Java's own modules to Cassandra and its tools."""
    exports = [arg for name in _EXPORTS[java_major] for arg in ("--add-exports", f"{name}=ALL-UNNAMED")]
    return exports + [arg for name in _OPENS[java_major] for arg in ("--add-opens", f"{name}=ALL-UNNAMED")]
