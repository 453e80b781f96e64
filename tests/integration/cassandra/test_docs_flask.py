"""The first example of the Flask guide, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind
from tests.integration.reader.place import START, Place, make_registry
from tests.paths import ROOT
from tests.servers import Server

GUIDE = ROOT / "docs" / "guides" / "flask.md"


def test_the_first_example_answers_any_day(
    session: Any, keyspace: str, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = Place(session, keyspace, keyspace)
    make_registry(session, keyspace)
    place.run(
        "CREATE TABLE {ks}.top_streamers_by_day__g1 (timestamp text, total_count bigint, streamer text, "
        "PRIMARY KEY (timestamp, total_count, streamer)) WITH CLUSTERING ORDER BY (total_count DESC, streamer ASC)"
    )
    place.run(
        "INSERT INTO {ks}.top_streamers_by_day__g1 (timestamp, total_count, streamer) VALUES ('2026-01-02', 9, 'ann')"
    )
    day = TimeColumn(name="timestamp", kind=TimeKind.TEXT, format="%Y-%m-%d")
    place.serve("top_streamers_by_day", Serving(name="top_streamers_by_day__g1", time=day, start=START))
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    code = found[1]
    for text, own in (('"127.0.0.1"', repr(server.contact_points[0])), ('"insight"', repr(keyspace))):
        assert text in code
        code = code.replace(text, own)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIEWS_PORT", str(server.port))
    monkeypatch.setenv("VIEWS_REGISTRY", keyspace)
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(code, str(GUIDE), "exec"), names)
    client = names["app"].test_client()
    try:
        assert client.get("/top/2026-01-02").get_json() == [["ann", 9]]
        assert client.get("/top/2026-01-03").get_json() == []
        answer = client.get("/top/2025-12-31")
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
        assert answer.get_json()["on"] == f"{keyspace}.top_streamers_by_day"
    finally:
        names["views"].state.session_provider.close()
