"""The app that the web benchmark asks: the extension's API, and a bare route with the same query beside it."""

from __future__ import annotations

import os
import threading
from typing import Any

from cassandra import ConsistencyLevel
from flask import Flask, jsonify, request

from benchmarks.data import COLUMNS
from cassandra_views.web import CassandraViews

app = Flask("bench")
app.config["SECRET_KEY"] = "the benchmark's own"
views = CassandraViews(app)

_lock = threading.Lock()
_prepared: list[Any] = []


def _statement() -> Any:
    with _lock:
        if not _prepared:
            found = views.session.prepare(
                f"SELECT {', '.join(COLUMNS)} FROM {os.environ['BENCH_PHYSICAL']} WHERE timestamp = ? LIMIT ?"
            )
            found.consistency_level = ConsistencyLevel.LOCAL_QUORUM
            _prepared.append(found)
    return _prepared[0]


@app.get("/bare")
def bare() -> Any:
    """Read as one does without the library: the driver's rows, made JSON by Flask."""
    values = (request.args["timestamp"], int(request.args["limit"]))
    rows = views.session.execute(_statement(), values)
    return jsonify(rows=[row._asdict() for row in rows])
