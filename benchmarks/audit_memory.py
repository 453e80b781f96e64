"""``python -m benchmarks.audit_memory ADDRESS PORT ROWS``: audit in full, and print the peak memory in MB."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks.audit import check, ignore, scan_of
from cassandra_client.connect import connected
from cassandra_views.apply.full_audit import FullAudit
from cassandra_views.apply.recheck import Recheck


def main(address: str, port: int, rows: int) -> None:
    """Audit, and print."""
    with connected((address,), port=port) as session:
        scan = scan_of(session, rows)
        recheck = Recheck(scan, on_progress=ignore, pause_seconds=0.5)
        check(FullAudit(scan, recheck, on_progress=ignore).run().is_passed)
    # Not ``getrusage``: its figure is that of the process from which this one was made, where that was larger.
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak_kb) / 1024)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
