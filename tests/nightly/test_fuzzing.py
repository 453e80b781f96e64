"""The fuzzing of the unit tests, for longer: hundreds of projects and settings, thousands of names and requests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given

from tests import fuzzing

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
