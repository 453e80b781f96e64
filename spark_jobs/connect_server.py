"""The warm server: ``python -m spark_jobs.connect_server [host:port] [--with-parent]`` is one until TERM ends it.

Spark 3.5's own start class listens on every address of the machine, and anyone who reaches the port may run what they
like as its user: there is no login. So its gRPC service is started from here, at one address.

With ``--warm-up`` it is a client that does a minute's work some times before the first job, and writes nothing: what
Java loads and compiles for plans, connector and protocol is ten seconds and more of work.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_client.errors import ViewsError
from spark_jobs.errors import JobError, first_line, print_error, print_message, quiet_py4j
from spark_jobs.jars import connect_jars
from spark_jobs.levels import LIVE, MINUTE, parts_of
from spark_jobs.session import answers, opened, start
from spark_jobs.settings import CONNECT, JobSettings, connect_cassandra, host_and_port

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


_MESSAGE_BYTES = 128 * 1024 * 1024
"""The largest message that is taken, as Spark's own start class has it."""

_START_SECONDS = 90.0
_STOP_SECONDS = 20.0

_WITH_PARENT = "--with-parent"
"""Given to a server that is to end when its standard input does."""

_COLD = "--cold"
"""Given to a server that is not to be warmed up, since it serves a job or two."""

_WARM_UP = "--warm-up"
_WARM_UP_ROUNDS = 6
"""How often a minute's work is done: the first takes ten seconds, the sixth one; then Java gains little at a time."""

_REGISTRY = "views_registry"


def serve(address: str, master: str, on_progress: Callable[[str], None], *, warms_up: bool = True) -> None:
    """Be the server until this process gets TERM.

    Args:
        address: ``host:port`` that it listens on, and nothing else.
        master: of the Spark that does its work.
        warms_up: a client of it does a minute's work some times before the first job.

    Raises:
        JobError: its jars cannot be had, Spark does not start, the address is taken, or Spark ended by itself.
    """
    host, port = host_and_port(address, name="SPARK_CONNECT")
    jars = connect_jars(on_progress)
    signal.signal(signal.SIGTERM, _end)
    # On the driver's own class path too, so that the service can be reached from here.
    options = {"spark.app.name": "spark_jobs connect", "spark.driver.extraClassPath": ":".join(map(str, jars))}
    session = start(master, options, jars)
    java: subprocess.Popen[bytes] = session.sparkContext._gateway.proc  # type: ignore[union-attr]
    processes = [java]
    try:
        _listen(session, host, port)
        on_progress(f"The warm server listens at {address}")
        if warms_up:
            processes.append(_python(_WARM_UP, variables={**os.environ, "SPARK_CONNECT": address}))
        java.wait()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(_STOP_SECONDS)
    raise JobError(
        f"Spark's Java ended with code {java.returncode}", on=address, next="See the lines above, then start it again"
    )


@contextmanager
def warm_server(variables: Mapping[str, str], *, warms_up: bool = True) -> Iterator[str]:
    """Run a server in a process of its own on a free port of this machine; give its address for SPARK_CONNECT.

    Raises:
        JobError: it ended, or did not answer in time; what it said is part of the text.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    # Spark leaves a folder `artifacts` where it runs.
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        # It ends when its standard input does, so that we leave none behind however we end.
        server = _python(
            address,
            _WITH_PARENT,
            *([] if warms_up else [_COLD]),
            variables=variables,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not answers(address, name="SPARK_CONNECT"):
                if server.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    said = " ".join(log.read()[-2000:].decode(errors="replace").split())
                    raise JobError(
                        f"the warm server did not start: {said}", on=address, next="Mend that, then try again"
                    )
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()
            server.wait(_STOP_SECONDS * 2)
            assert server.stdin is not None
            server.stdin.close()


def end_with_parent() -> None:
    """Send this process TERM when its standard input ends: a pipe whose other end the parent alone holds."""

    def watch() -> None:
        while os.read(0, 1024):  # not by sys.stdin, whose lock this thread would hold when Python ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _python(*arguments: str, variables: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """Start this module as a program, wherever it is started from."""
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, variables.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", "spark_jobs.connect_server", *arguments],
        env={**variables, "PYTHONPATH": path},
        **{"stdin": subprocess.DEVNULL, **options},
    )


def _listen(session: SparkSession, host: str, port: int) -> None:
    from py4j.protocol import Py4JError

    java: Any = session._jvm
    address = java.java.net.InetSocketAddress(host, port)
    service = java.org.apache.spark.sql.connect.service.SparkConnectService(False)
    builder = java.org.sparkproject.connect.grpc.netty.NettyServerBuilder.forAddress(address)
    try:
        builder.maxInboundMessageSize(_MESSAGE_BYTES).addService(service).build().start()
    except Py4JError as error:
        raise JobError(
            f"the address cannot be listened on: {first_line(error)}",
            on=f"{host}:{port}",
            next="Set SPARK_CONNECT to a free port of an address of this machine, then start it again",
        ) from error


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def warm_up(settings: JobSettings) -> None:
    """Mean the readings of the last minute as its job would, again and again.

    Raises:
        ViewsError: Cassandra could not be read, or the warm server not be used.
    """
    from spark_jobs.connector import SparkTables
    from spark_jobs.frames import measured
    from spark_jobs.source import LevelSource

    with connect_cassandra(settings) as session:
        keyspace, has_registry = _find_tables(session)
        if keyspace is None:
            print_message("No keyspace has the tables yet, so the first jobs will be slow")
            return
        with opened(settings, print_message) as spark:
            tables = SparkTables(spark.session, keyspace)
            registry = _REGISTRY if has_registry else None
            source = LevelSource(session, keyspace=keyspace, registry=registry, streamers=0, tables=lambda: tables)
            now = datetime.now(UTC).replace(second=0, microsecond=0)
            times = [LIVE.text(each) for each in parts_of(MINUTE, [now - MINUTE.span])]
            for _ in range(_WARM_UP_ROUNDS):
                source.collect(measured(source.frame(LIVE, times), MINUTE))
    print_message("It has done a minute's work and is warm")


def _find_tables(session: Session) -> tuple[str | None, bool]:
    """Return a keyspace with the tables of the minute's job, and whether there is a registry of views."""
    rows = Database(session).rows("SELECT keyspace_name, table_name FROM system_schema.tables")
    known = {(row["keyspace_name"], row["table_name"]) for row in rows}
    needed = [table.name for level in (LIVE, MINUTE) for table in level.tables]
    keyspaces = (
        each for each in sorted({name for name, _ in known}) if all((each, table) in known for table in needed)
    )
    return next(keyspaces, None), (_REGISTRY, "views") in known


def main() -> None:
    """Be the server, or warm one up; exit code 0 after TERM, 1 where it cannot be the server."""
    quiet_py4j()
    if _WARM_UP in sys.argv:
        _try_to_warm_up()
        return
    arguments = [each for each in sys.argv[1:] if each not in (_WITH_PARENT, _COLD)]
    address = arguments[0] if arguments else os.environ.get("SPARK_CONNECT", "") or CONNECT
    if _WITH_PARENT in sys.argv:
        end_with_parent()
    try:
        serve(address, os.environ.get("SPARK_MASTER") or "local[*]", print_message, warms_up=_COLD not in sys.argv)
    except ViewsError as error:
        print_error(error)
        sys.exit(1)


def _try_to_warm_up() -> None:
    from grpc import RpcError
    from pyspark.errors import PySparkException

    try:
        warm_up(JobSettings.of(os.environ))
    except (ViewsError, RpcError, PySparkException) as error:
        print_message(f"A minute's work could not be done, so the first jobs will be slow: {first_line(error)}")


if __name__ == "__main__":
    main()
