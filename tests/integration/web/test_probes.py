"""``/metrics``, ``/healthz``, ``/readyz`` and log lines: what programs are told, by one process and by several."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from cassandra_views.json_log import log_as_json
from tests.integration.web.clock import today
from tests.integration.web.conftest import MakeApp, by_wire
from tests.integration.web.place import PARKS, REGISTRY, Place
from tests.wire import Wire

pytestmark = pytest.mark.cassandra

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

APP = """\
from flask import Flask
from cassandra_views.web import CassandraViews
app = Flask("parks")
app.secret_key = "only of tests"
CassandraViews(app)
"""


def samples_of(text: str) -> Samples:
    return {
        (sample.name.removeprefix("cassandra_views_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, view: str = "", /, **labels: str) -> float | None:
    """Return the value of a gauge of a view of the place, None where there is none."""
    own = {"keyspace": "parks", "view": view, **labels} if view else labels
    return samples.get((name, tuple(sorted(own.items()))))


def metrics(client: FlaskClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return samples_of(answer.text)


def test_metrics_tell_what_the_registry_holds(client: FlaskClient, reader_server: Place) -> None:
    found = metrics(client)
    assert value(found, "registry_up") == 1
    top = "top_parks_by_day"
    assert value(found, "view_condition", top, condition="serving") == 1
    assert value(found, "serving_generation", top) == 2
    assert value(found, "generations", top, state="serving") == 1
    assert value(found, "rows", top) == PARKS * 8
    assert value(found, "slide_lag_seconds", top) == 0
    assert value(found, "promise_broken", top) == 0
    assert value(found, "promise_broken", "visits_by_second") is None  # its file promises nothing
    assert value(found, "audit_failed", top) == 0
    assert value(found, "audit_differences", top, kind="missing") == 0
    age = value(found, "audit_age_seconds", top)
    assert age is not None
    assert 0 < age < 3600
    generation = reader_server.record(top).generations[-1]
    assert generation.built_at is not None
    assert generation.created_at is not None
    took = (generation.built_at - generation.created_at).total_seconds()
    assert value(found, "build_seconds", top, generation="2") == pytest.approx(took)
    assert value(found, "override", "parks_by_city", kind="frozen") == 1
    assert value(found, "override", top, kind="frozen") is None
    assert value(found, "failed_runs", "never_made") == 2
    assert value(found, "serving_generation", "never_made") is None
    building = "days_of_all_parks"
    assert value(found, "view_condition", building, condition="building") == 1
    progress = value(found, "build_progress_ratio", building, generation="1")
    assert progress is not None
    assert 0 <= progress <= 1
    running = value(found, "build_running_seconds", building, generation="1")
    assert running is not None
    assert running > 0


def test_metrics_in_the_form_of_openmetrics(client: FlaskClient) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert answer.text.count("# EOF") == 1


def test_reads_are_counted_by_what_answered(client: FlaskClient) -> None:
    def read(view: str, **query: str) -> int:
        return client.get(f"/api/views/{view}/rows", query_string=query).status_code

    before = metrics(client)
    assert [read("top_parks_by_day", day=today(), limit="3") for _ in range(4)] == [200] * 4
    assert read("parks.top_parks_by_day", day=today()) == 200
    assert read("top_parks_by_day", dya=today()) == 400
    assert read("nothing_of_ours", day=today()) == 404
    assert read("days_of_all_parks", day=today()) == 503
    after = metrics(client)

    def grown(name: str, **labels: str) -> float:
        return (value(after, name, **labels) or 0) - (value(before, name, **labels) or 0)

    assert grown("reads_total", view="top_parks_by_day", generation="2") == 5
    assert grown("read_seconds_count", view="top_parks_by_day") == 5
    assert grown("read_failures_total", view="top_parks_by_day", kind="BadRead") == 1
    # Nobody may fill the memory with names of views that there are not.
    assert grown("read_failures_total", view="", kind="ViewNotFound") == 1
    assert grown("read_failures_total", view="", kind="ViewNotReady") == 1
    assert not [labels for _name, labels in after if "nothing_of_ours" in str(labels)]


def test_a_second_attempt_is_counted(make_app: MakeApp, reader_server: Place) -> None:
    app = make_app()
    client, address = app.test_client(), "/api/views/twice/rows?country=country1"
    app.extensions["cassandra_views"].__dict__["cache_seconds"] = 600.0  # what is known of it grows old meanwhile
    where = "country IS NOT NULL AND park IS NOT NULL"
    select = f"SELECT * FROM {{{{ base('parks') }}}} WHERE {where} PRIMARY KEY (country, park)"
    with reader_server.more_view("twice", "description: Read while it is replaced", select) as manager:
        assert client.get(address).status_code == 200
        manager.refresh("twice")
        reader_server.session.execute("DROP MATERIALIZED VIEW parks.twice__g1")  # before its grace is over
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.json is not None
        assert answer.json["generations"] == ["twice__g2"]
        found = metrics(client)
        assert value(found, "read_retries_total", view="twice") == 1
        # The API had asked for the first generation's columns, and reads again by those of the second.
        assert value(found, "reads_total", view="twice", generation="2") == 2


def test_refusals_are_counted(make_app: MakeApp) -> None:
    app = make_app(VIEWS_MOST_AT_ONCE=1)
    client = app.test_client()
    before = value(metrics(client), "reads_refused_total", reason="full") or 0
    with app.extensions["cassandra_views"].read_limiter.reading("another", on="top_parks_by_day"):
        assert client.get(f"/api/views/top_parks_by_day/rows?day={today()}").status_code == 503
    assert value(metrics(client), "reads_refused_total", reason="full") == before + 1


def test_a_cluster_that_is_away_is_a_number(make_app: MakeApp, wire: Wire) -> None:
    client = make_app(**by_wire(wire)).test_client()
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json is not None
    assert ready.json["registry"] == REGISTRY
    assert ready.json["views"]["parks.top_parks_by_day"] == {
        "condition": "serving",
        "serving": ["top_parks_by_day__g2"],
    }
    assert ready.json["views"]["parks.never_made"] == {"condition": "pending", "serving": []}
    wire.cut()
    time.sleep(5.5)  # longer than an answer is kept
    began = time.monotonic()
    found = metrics(client)
    assert value(found, "registry_up") == 0
    assert not [name for name, _labels in found if name == "view_condition"]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json is not None
    assert set(answer.json) == {"status", "what", "on", "remains", "next"}
    assert time.monotonic() - began < 10
    assert client.get("/healthz").json == {"status": "alive"}
    wire.mend()
    deadline = time.monotonic() + 20
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_read_is_a_line_of_json(client: FlaskClient) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    log_as_json(stream)
    try:
        client.get(f"/api/views/top_parks_by_day/rows?day={today()}&limit=2", headers={"X-Request-ID": "abc-1"})
        client.get("/api/views/no%0Aview/rows", headers={"X-Request-ID": "abc-2"})
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    read, failed = [line for line in lines if line["logger"] == "cassandra_views.web.reads"]
    assert read["request_id"] == "abc-1"
    assert (read["view"], read["generations"], read["rows"]) == ("top_parks_by_day", [2], 2)
    assert 0 < read["seconds"] < 5
    assert (failed["request_id"], failed["view"], failed["error"]) == ("abc-2", "no\nview", "ViewNotFound")


@contextmanager
def gunicorn(folder: Path, place: Place, *options: str) -> Iterator[str]:
    """Serve the app of ``APP`` by two processes with threads, which share a folder of numbers."""
    (folder / "app.py").write_text(APP)
    (folder / "numbers").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {name: str(value) for name, value in place.config.items() if name.startswith("VIEWS_")}
    config |= {"VIEWS_CONTACT_POINTS": ",".join(place.contact_points), "PROMETHEUS_MULTIPROC_DIR": f"{folder}/numbers"}
    command = ["-m", "gunicorn", "-w", "2", "--threads", "4", "-b", f"127.0.0.1:{port}", *options, "app:app"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=os.environ | config, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while fetched(f"{url}/readyz")[0] != 200:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.5)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (folder / "log").read_text()


def fetched(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["each", "preload"])
def test_several_processes_are_counted_together(tmp_path: Path, reader_server: Place, options: tuple[str, ...]) -> None:
    with gunicorn(tmp_path, reader_server, *options) as url:
        address = f"{url}/api/views/top_parks_by_day/rows?day={today()}&limit=5"
        with ThreadPoolExecutor(8) as threads:
            assert {status for status, _text in threads.map(fetched, [address] * 60)} == {200}
            # A process whose session is still being opened answers 503 after four seconds, and is asked again.
            deadline = time.monotonic() + 60
            while {status for status, _text in threads.map(fetched, [f"{url}/views/"] * 8)} != {200}:
                assert time.monotonic() < deadline
                time.sleep(0.5)
        for _ in range(6):  # whichever process is asked
            status, text = fetched(f"{url}/metrics")
            assert status == 200
            found = samples_of(text)
            assert value(found, "reads_total", view="top_parks_by_day", generation="2") == 60
            assert value(found, "read_seconds_count", view="top_parks_by_day") == 60
            assert value(found, "registry_up") == 1
        assert len(list((tmp_path / "numbers").glob("counter_*.db"))) == 2
