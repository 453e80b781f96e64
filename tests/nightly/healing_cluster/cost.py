"""What watching costs: a process of its own that does nothing else. Prints one line of JSON."""

from __future__ import annotations

import json
import sys
import time

from cassandra_client.connect import connected
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession

LOOKS = 12


def main() -> None:
    port, keyspace, *points = sys.argv[1:]
    policy = Policy(keyspace=keyspace)
    with connected(tuple(points), port=int(port)) as session:
        asked = ClusterSession(session, timeout_seconds=policy.timeout_seconds)
        monitor = ClusterMonitor(asked, policy, author="cost", is_recording=True)
        for _ in range(3):  # connections, tables, first statements
            monitor.check()
            time.sleep(1)
        # As after two hours: judging goes through all that is remembered.
        monitor._checks *= int(130 * 60 / policy.check_seconds / len(monitor._checks))
        queries, cpu, longest = asked.queries, time.process_time(), 0.0
        for _ in range(LOOKS):
            begun = time.monotonic()
            monitor.check()
            longest = max(longest, time.monotonic() - begun)
            time.sleep(1)  # a tenth of the time between checks; what the driver does meanwhile counts, too
        found = {
            "queries_per_look": (asked.queries - queries) / LOOKS,
            "cpu_seconds_per_look": (time.process_time() - cpu) / LOOKS,
            "longest_look_seconds": longest,
            "check_seconds": policy.check_seconds,
        }
        monitor.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
