"""The fuzzing of the unit tests, for longer: hundreds of projects and settings, thousands of names and requests; and
requests to an app that reads a real server.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Session
from flask.testing import FlaskClient
from hypothesis import given

from tests import fuzzing
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

some, many = fuzzing.examples(500), fuzzing.examples(3000)


@some
@given(files=fuzzing.FILES)
def test_files(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzzing.check_files(files, Path(folder))


@some
@given(text=fuzzing.CONFIGS, variables=fuzzing.VARIABLES)
def test_settings(text: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzzing.check_config(text, Path(folder), monkeypatch, variables)


@many
@given(names=fuzzing.ROLE_NAMES)
def test_names_of_roles(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    fuzzing.check_role_names(names, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with fuzzing.app_without_cluster(tmp_path_factory.mktemp("app")) as app:
        yield app.test_client()


@many
@given(method=fuzzing.METHODS, path=fuzzing.PATHS, query=fuzzing.QUERIES)
def test_requests(method: str, path: str, query: list[tuple[str, str]], client: FlaskClient) -> None:
    fuzzing.check_request(client, method, path, query)


@pytest.fixture(scope="module")
def reading_client(server: Server, session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of an app that reads a real server."""
    folder = tmp_path_factory.mktemp("served")
    with fuzzing.app_that_serves(folder, session, server.contact_points, server.port) as app:
        yield app.test_client()


@pytest.mark.cassandra
def test_names_that_hurt_are_read_as_they_were_written(reading_client: FlaskClient) -> None:
    rows = reading_client.get(f"{fuzzing.SERVED_ROWS}&limit=1000").get_json()["rows"]
    names = {row["customer"] for row in rows}
    assert fuzzing.MARKUP in names
    assert names <= set(fuzzing.NASTY)
    assert len(names) > 80


@many
@given(method=fuzzing.METHODS, path=fuzzing.SERVED_PATHS, query=fuzzing.SERVED_QUERIES)
def test_requests_to_a_view_that_serves(
    method: str, path: str, query: list[tuple[str, str]], reading_client: FlaskClient
) -> None:
    fuzzing.check_request(reading_client, method, path, query)
