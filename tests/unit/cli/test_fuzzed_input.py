"""No file, name, setting or request gives a traceback, reads outside the project, or smuggles CQL or HTML."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given

from tests import fuzzing

few = fuzzing.examples(12)


FRONT = fuzzing.VIEW.partition("owner")[0]
FOUND = (
    f"{FRONT}? [a]\n: b\n---\n",
    f"{FRONT}? {{a: b}}\n: c\n---\n",
    f"{FRONT}owner: &a {{b: *a}}\n---\n",
    f"{FRONT}owner: {'[' * 3000}{']' * 3000}\n---\n",
    fuzzing.VIEW.replace("SELECT", "{{ 9 ** 9 ** 9 }} SELECT"),
    fuzzing.VIEW.replace("SELECT", "{{ 'a' * 10 ** 12 }} SELECT"),
    fuzzing.VIEW.replace("SELECT", "{{ 'a' * 1000000000000 }} SELECT"),
    fuzzing.VIEW.replace("SELECT", "{% include '../../secret' %} SELECT"),
    fuzzing.VIEW.replace("of a day", "it''s \x1b[31m; DROP TABLE shop.orders; --"),
)
"""What once gave a traceback, took hours or filled the memory, and what must never be otherwise."""


@pytest.mark.parametrize("view", FOUND, ids=[str(number) for number in range(len(FOUND))])
def test_files_that_hurt(view: str, tmp_path: Path) -> None:
    files = {"tables/orders": fuzzing.TABLE, "views/by_day": view, "macros/keys": fuzzing.MACRO}
    fuzzing.check_files(files, tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        'templates = "\\u0000"\n',
        'templates = "' + "a" * 5000 + '"\n',
        "view_budget = " + "9" * 5000 + "\n",
        "x = " + "[" * 3000 + "]" * 3000 + "\n",
        '[env.dev]\nusername = "ann"\npassword_file = "\\u0000"\n',
        '[env.dev]\nusername = "ann"\npassword_file = "../latin"\n',
    ],
)
def test_settings_that_hurt(config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9")
    fuzzing.check_config(config, tmp_path, monkeypatch, {})


@few
@given(files=fuzzing.FILES)
def test_files(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzzing.check_files(files, Path(folder))


@few
@given(text=fuzzing.CONFIGS, variables=fuzzing.VARIABLES)
def test_settings(text: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fuzzing.check_config(text, Path(folder), monkeypatch, variables)


@few
@given(names=fuzzing.ROLE_NAMES)
def test_names_of_roles(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    fuzzing.check_role_names(names, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with fuzzing.app_without_cluster(tmp_path_factory.mktemp("app")) as app:
        yield app.test_client()


@few
@given(method=fuzzing.METHODS, path=fuzzing.PATHS, query=fuzzing.QUERIES)
@example(method="GET", path=f"/views/view/{fuzzing.MARKUP}", query=[])
@example(method="GET", path=f"/api/views/{fuzzing.MARKUP}/rows", query=[("day.eq", fuzzing.MARKUP)])
def test_requests(method: str, path: str, query: list[tuple[str, str]], client: FlaskClient) -> None:
    fuzzing.check_request(client, method, path, query)
