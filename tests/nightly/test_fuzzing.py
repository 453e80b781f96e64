"""The fuzzing of the unit tests, for longer: thousands of projects, settings, names and requests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fuzzing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

many = settings(
    max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@many
@given(files=fuzzing.FILES)
def test_files(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzzing.check_files(files, Path(folder))


@many
@given(text=fuzzing.CONFIGS, variables=fuzzing.VARIABLES)
def test_settings(text: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzzing.check_config(text, Path(folder), monkeypatch, variables)


@many
@given(names=st.lists(fuzzing.words(), min_size=3, max_size=3))
def test_names_of_roles(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = fuzzing.make_project(tmp_path_factory.getbasetemp(), {"tables/orders": fuzzing.TABLE})
    options = [f"--{kind}={name}" for kind, name in zip(("manager", "reader", "healer"), names, strict=True)]
    fuzzing.check_grants("--templates", str(root / "cql_templates"), "grants", *options)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with fuzzing.app_without_cluster(tmp_path_factory.mktemp("app")) as app:
        yield app.test_client()


@many
@given(method=fuzzing.METHODS, path=fuzzing.PATHS, query=fuzzing.QUERIES)
def test_requests(method: str, path: str, query: list[tuple[str, str]], client: FlaskClient) -> None:
    fuzzing.check_request(client, method, path, query)
