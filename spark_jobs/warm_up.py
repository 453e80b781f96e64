"""The minute's work, done some times by a client of the warm server before its first job; writes nothing.

What Java loads and compiles for plans, connector and protocol is ten seconds and more of work, which the first
jobs need not wait for. ``python -m spark_jobs.warm_up``, with the variables of a job; exit code 0 in any case.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_client.errors import ViewsError
from spark_jobs.interval import parts_of
from spark_jobs.levels import LIVE, MINUTE
from spark_jobs.report import tell
from spark_jobs.session import first_line, opened
from spark_jobs.settings import Settings
from spark_jobs.source import Source
from spark_jobs.tasks import cassandra

_ROUNDS = 6
"""How often: the first takes ten seconds, the sixth one; after that Java gains little at a time."""

_REGISTRY = "views_registry"


def warm_up(settings: Settings) -> None:
    """Mean the readings of the last minute as its job would, again and again.

    Raises:
        ViewsError: Cassandra could not be read, or the warm server not be used.
    """
    from spark_jobs.rollup import measured
    from spark_jobs.tables import Tables

    with cassandra(settings) as session:
        keyspace, has_registry = _find_tables(session)
        if keyspace is None:
            tell("No keyspace has the tables yet, so the first jobs will be slow")
            return
        with opened(settings, tell) as spark:
            tables = Tables(spark.session, keyspace)
            registry = _REGISTRY if has_registry else None
            source = Source(session, keyspace=keyspace, registry=registry, streamers=0, tables=lambda: tables)
            now = datetime.now(UTC).replace(second=0, microsecond=0)
            times = [LIVE.text(each) for each in parts_of(MINUTE, [now - MINUTE.span])]
            for _ in range(_ROUNDS):
                source.collect(measured(source.frame(LIVE, times), MINUTE))
    tell("It has done a minute's work and is warm")


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
    """Warm the server up that SPARK_CONNECT names; where that cannot be done, say so."""
    from grpc import RpcError
    from pyspark.errors import PySparkException

    try:
        warm_up(Settings.of(os.environ))
    except (ViewsError, RpcError, PySparkException) as error:
        tell(f"A minute's work could not be done, so the first jobs will be slow: {first_line(error)}")


if __name__ == "__main__":
    main()
