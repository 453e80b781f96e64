"""What runs on a node of this machine: Cassandra, a Spark master, a Spark worker."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final, Protocol

from cassandra_embedded.downloads import java_binary, server_jars
from cassandra_embedded.network import answers
from cassandra_embedded.node import Node
from cassandra_embedded.node_config import NodePlan, ring_tokens
from cassandra_embedded.process import Identity, spawn
from cassandra_embedded.versions import DEFAULT_VERSION, get_version
from local_cluster.node_record import NodeError, NodeRecord

# For daemons that are idle most of the time: the better compiler's work would never pay.
_QUICK_JAVA: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# A node that is killed would lose what it acknowledged in the last tenth of a second: a server marks its commit log as
# readable that often, unless each write waits for the disk.
_SAFE: Final = {"commitlog_sync": "batch"}


class NodeProgram(Protocol):
    """What can run on a node."""

    needs_fence: bool
    """It holds data: it is ended only after it was fenced."""
    log: str
    """Its log, relative to the folder of a life."""

    def marker(self, record: NodeRecord, folder: Path) -> str:
        """Return a text that only this life's command line holds."""

    def spawn(self, record: NodeRecord, folder: Path) -> Identity:
        """Start it in the folder of its life, detached; does not wait for it."""

    def answers(self, record: NodeRecord) -> bool:
        """Say whether it does its work: a Cassandra opens its port when it has joined."""


class CassandraProgram:
    """A node of Cassandra, of the jars and the Java of ``cassandra_embedded``."""

    needs_fence = True
    log = "logs/system.log"

    def marker(self, record: NodeRecord, folder: Path) -> str:
        """Return the flag that names this life's data."""
        return f"-Dcassandra.storagedir={folder}/data"

    def spawn(self, record: NodeRecord, folder: Path) -> Identity:
        """Start it; where it replaces an address, with no data and no token of its own."""
        given = record.settings
        version = get_version(str(given.get("version", DEFAULT_VERSION)))
        plan = NodePlan(
            number=int(record.address.rpartition(".")[2]),
            of=1,
            folder=folder,
            address=record.address,
            seed=record.address,
            port=int(given["port"]),
            storage_port=int(given["storage_port"]),
            jmx_port=int(given["jmx_port"]),
            cluster_name=str(given["cluster_name"]),
            token=ring_tokens([1])[0],
        )
        node = Node(plan)
        node.spawn(
            java_binary(version, print),
            version.java_major,
            server_jars(version, print),
            settings={**_SAFE, **self._ring(record, plan.storage_port), **(given.get("yaml") or {})},
            heap_mb=int(given.get("heap_mb", 512)),
            extra=[*self._replacing(record), *(given.get("jvm_options") or ())],
            detached=True,
            orphan_folder=None,
        )
        assert node.identity is not None
        return node.identity

    def answers(self, record: NodeRecord) -> bool:
        """Say whether it accepts clients."""
        return answers(record.address, int(record.settings["port"]))

    def _ring(self, record: NodeRecord, storage_port: int) -> dict[str, Any]:
        """Return how it finds its place: by a token of its own in the first ring, else by streaming."""
        joins = bool(record.replaces) or record.settings.get("token") is None
        # A seed does not stream, so a node that has to is not among its own seeds.
        seeds = [seed for seed in record.settings["seeds"] if not (joins and seed == record.address)]
        provider = "org.apache.cassandra.locator.SimpleSeedProvider"
        addresses = ",".join(f"{seed}:{storage_port}" for seed in seeds)
        return {
            "initial_token": None if joins else record.settings["token"],
            "auto_bootstrap": joins,
            "seed_provider": [{"class_name": provider, "parameters": [{"seeds": addresses}]}],
        }

    def _replacing(self, record: NodeRecord) -> list[str]:
        if not record.replaces:
            return []
        return [
            # Ignored once the node has joined, so that a later start with it does no harm.
            f"-Dcassandra.replace_address_first_boot={record.replaces}",
            # A join that was cut off fetches all again: what was written since then did not reach it.
            "-Dcassandra.reset_bootstrap_progress=true",
            # It asks its peers who it replaces, at once and after 5 s, and gives up after the delay. One second is too
            # short on a busy machine: peers that still hold connections to the dead one answer late.
            "-Dcassandra.ring_delay_ms=6000",
        ]


class SparkProgram:
    """A daemon of Spark, of the installed ``pyspark``; holds no data."""

    needs_fence = False
    log = "console.log"

    def __init__(self, role: str) -> None:
        self._role = role

    def marker(self, record: NodeRecord, folder: Path) -> str:
        """Return the file of settings that names this life: an argument of the start script as of the daemon."""
        return f"{folder}/spark.conf"

    def spawn(self, record: NodeRecord, folder: Path) -> Identity:
        """Start it."""
        given = record.settings
        home = _installed("pyspark")
        java = java_binary(get_version(DEFAULT_VERSION), print).parents[1]
        folder.mkdir(parents=True, exist_ok=True)
        conf = {str(key): str(value) for key, value in (given.get("conf") or {}).items()}
        lines = [f"{key} {value}\n" for key, value in sorted(conf.items())]
        (folder / "spark.conf").write_text("".join(lines), encoding="utf-8")
        own = [f"{self._role}.{self._role.capitalize()}"]
        if self._role == "worker":
            own += [f"spark://{given['master']}:{given['port']}", "--work-dir", f"{folder}/work"]
            own += ["--cores", str(given["cores"]), "--memory", str(given["memory"])]
        else:
            own += ["--port", str(given["port"])]
        own += ["--host", record.address, "--webui-port", str(given["web_port"])]
        own += ["--properties-file", self.marker(record, folder)]
        environment = {
            "JAVA_HOME": str(java),
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": record.address,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": _QUICK_JAVA,
            "SPARK_LOG_DIR": str(folder),
        }
        command = ["env", *(f"{key}={value}" for key, value in environment.items())]
        command += [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{own[0]}", *own[1:]]
        child = spawn(
            command,
            log=folder / self.log,
            marker=self.marker(record, folder),
            detached=True,
            orphan_folder=None,
        )
        return child.identity

    def answers(self, record: NodeRecord) -> bool:
        """Say whether its web page answers: it is opened last but for a worker's registration."""
        return answers(record.address, int(record.settings["web_port"]))


def get_program(kind: str) -> NodeProgram:
    """Return what runs on nodes of a kind.

    Raises: NodeError: there is no such kind.
    """
    match kind:
        case "cassandra":
            return CassandraProgram()
        case "spark-master":
            return SparkProgram("master")
        case "spark-worker":
            return SparkProgram("worker")
        case _:
            raise NodeError(
                "there is no such kind of node", on=kind, next="Take one of cassandra, spark-master, spark-worker"
            )


def _installed(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NodeError(f"{package} is not installed", next="Run make install in the clone")
    return Path(next(iter(spec.submodule_search_locations)))
