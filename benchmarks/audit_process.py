"""``python -m benchmarks.audit_process ADDRESS PORT ROWS [SPARK_MASTER]``: audit in full in a process of its own.

Prints its peak memory in MB; with a Spark master, which reads the rows then, how many seconds the audit took, without
the start of Spark.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from benchmarks.audit import WARM_ROWS, check, ignore, scan_of
from cassandra_client.connect import connected
from cassandra_views.apply.full_audit import FullAudit
from cassandra_views.apply.recheck import Recheck
from cassandra_views.apply.scan import Scan


def main(address: str, port: int, rows: int, master: str = "") -> None:
    """Audit, and print."""
    with connected((address,), port=port) as session:
        if master:
            print(_seconds_by_spark(scan_of(session, WARM_ROWS), scan_of(session, rows), address, port, master))
            return
        scan = scan_of(session, rows)
        check(FullAudit(scan, _recheck(scan), on_progress=ignore).run().is_passed)
    # Not ``getrusage``: its figure is that of the process from which this one was made, where that was larger.
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak_kb) / 1024)


def _seconds_by_spark(warm: Scan, scan: Scan, address: str, port: int, master: str) -> float:
    # Not where memory is measured.
    from spark_jobs.audit_job import SparkRangeReader, audit_spark
    from spark_jobs.settings import JobSettings

    variables = {"CASSANDRA_CONTACT_POINTS": address, "CASSANDRA_PORT": str(port), "SPARK_MASTER": master}
    settings = JobSettings.of(variables)
    with audit_spark(settings) as spark:
        read = SparkRangeReader(spark, settings)
        seconds = 0.0
        for each in (warm, scan):  # the first one starts the workers
            begun = time.monotonic()
            check(FullAudit(each, _recheck(each), on_progress=ignore, read=read).run().is_passed)
            seconds = time.monotonic() - begun
        return seconds


def _recheck(scan: Scan) -> Recheck:
    return Recheck(scan, on_progress=ignore, pause_seconds=0.5)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
