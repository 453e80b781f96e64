"""The demo's pages: one process of gunicorn, on the loopback, over the demo's Cassandra."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

from cassandra_embedded import EmbeddedCassandra
from followers.demo.family import Family
from followers.demo.place import ADDRESS, ROOT, find_port

GROUP = "pages"
USUAL_PORT = 5000
START_SECONDS = 60.0
_THREADS = 8
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def open_pages(family: Family, server: EmbeddedCassandra, airflow_url: str = "") -> str:
    """Start the pages, and return their address when the first one opens.

    Args:
        airflow_url: where the buttons of the operations pages lead; without it there are none.

    Raises:
        DemoError: their process ended, or took too long.
    """
    port = find_port(USUAL_PORT)
    argv = ["--bind", f"{ADDRESS}:{port}", "--workers", "1", "--threads", str(_THREADS), "followers.web:create_app()"]
    environment = {
        **os.environ,
        "VIEWS_CONTACT_POINTS": ",".join(server.contact_points),
        "VIEWS_PORT": str(server.port),
        **({"VIEWS_AIRFLOW_URL": airflow_url} if airflow_url else {}),
    }
    member = family.start("pages", [sys.executable, "-m", "gunicorn", *argv], group=GROUP, env=environment, cwd=ROOT)
    url = f"http://{ADDRESS}:{port}"
    family.await_that(lambda: _opens(url), seconds=START_SECONDS, what="The first page")
    family.supervise(member, lambda: _opens(url, has_answer_only=True), seconds=START_SECONDS)
    return url


def _opens(url: str, *, has_answer_only: bool = False) -> bool:
    try:
        with _DIRECT.open(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return has_answer_only  # it runs, and says what it lacks
    except (urllib.error.URLError, OSError):
        return False
