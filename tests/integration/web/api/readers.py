"""Clients of the API in a process of their own: they read until they are told to stop, and count what was wrong.

Each prints a line when its answers change: their status, and the generations that answered.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import urlencode, urlsplit

WHOLE, PAGED = 40, 25
_LINES = threading.Lock()


class Client:
    """One client on a connection that it keeps; ``counts`` is what it found."""

    def __init__(self, url: str, path: str, day: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._path = path
        self._day = day
        self._told = ""
        self.counts: Counter[str] = Counter()

    def look(self) -> None:
        """Read a day in two pages, which may come from two generations, and count what is wrong with them."""
        parks: list[str] = []
        page: dict[str, str] = {}
        while True:
            answer = self._read(**page)
            if answer is None:
                time.sleep(0.05)  # as long as a patient client would wait twice
                return
            rows = answer["rows"]
            self.counts["empty"] += not rows
            parks += [row["park"] for row in rows]
            if not answer["next_page"]:
                break
            page = {"page": answer["next_page"]}
        self.counts["doubled"] += len(parks) - len(set(parks))
        self.counts["missing"] += WHOLE - len(set(parks))

    def _read(self, **page: str) -> dict[str, Any] | None:
        begun = time.monotonic()
        try:
            self._connection.request("GET", f"{self._path}?{urlencode({'day': self._day, 'limit': PAGED, **page})}")
            found = self._connection.getresponse()
            answer = json.loads(found.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self.counts["broken"] += 1
            self._tell(f"broken {error!r}")
            return None
        taken = int((time.monotonic() - begun) * 1000)
        self.counts["reads"] += 1
        self.counts["slowest_ms"] = max(self.counts["slowest_ms"], taken)
        if found.status == 200:
            self._tell(f"200 {' '.join(answer['generations'])}")
            return answer
        self.counts["failed"] += 1
        is_told = found.getheader("Content-Type") == "application/problem+json" and found.getheader("Retry-After")
        self.counts["untold"] += not is_told
        self._tell(f"{found.status} {answer.get('what')}")
        return None

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            with _LINES:  # a line of one and the end of another's would come between
                print(text, flush=True)


def main(url: str, path: str, day: str, threads: int) -> None:
    over = threading.Event()
    clients = [Client(url, path, day) for _ in range(threads)]

    def go_on(client: Client) -> None:
        while not over.is_set():
            client.look()

    running = [threading.Thread(target=go_on, args=(client,)) for client in clients]
    for each in running:
        each.start()
    sys.stdin.readline()
    over.set()
    for each in running:
        each.join()
    found = sum((client.counts for client in clients), Counter())
    print(json.dumps({**found, "slowest_ms": max(client.counts["slowest_ms"] for client in clients)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
