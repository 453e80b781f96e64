"""The docs against the program: links, commands, options, keys, columns, events, examples and words."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

import cassandra_embedded
import cassandra_views
from cassandra_client import errors as client_errors
from cassandra_client.tls import Tls
from cassandra_healing.decision import Rule
from cassandra_healing.model import HealthVerdict
from cassandra_healing.policy import MachineSettings, Policy, ServiceKind, ServicePolicy
from cassandra_healing.storage import tables as health_tables
from cassandra_views.cli.main import app
from cassandra_views.model import errors
from cassandra_views.model.generation import State
from cassandra_views.plan.status import ViewStatus
from cassandra_views.project.front_matter import read_front_matter, split
from cassandra_views.project.schemas import (
    CheckFields,
    TableFrontMatter,
    TimeFields,
    ViewFrontMatter,
    ViewTestFields,
    ViewTestsFields,
    WindowFields,
)
from cassandra_views.project.settings import EnvConfig, KeyspaceConfig, ProjectConfig
from cassandra_views.registry.schema import table_statements

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
SOURCES = sorted((ROOT / "views").rglob("*.py"))
COMMAND: Any = typer.main.get_command(app)

# Other words for things that have a name in docs/glossary.md.
BANNED = (
    r"promot(e|es|ed|ing|ion)",
    r"cut-?overs?",
    r"swap(s|ped|ping)?",
    r"shadow (view|generation)s?",
    r"blue[-/ ]green",
    r"(active|current|live) generations?",
    r"retention period",
    r"materialised",
    r"verif(y|ies|ied|ication)",
    r"catalogue",
    r"deeds?",
    r"lookouts?",
    r"gone on with",
    r"metadata (table|keyspace)",
    r"(simply|seamless(ly)?|powerful|robust|blazing|effortless(ly)?)",
)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=shown)


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """Yield the fenced blocks of these languages."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        if match[1] in languages:
            yield match[2]


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings make."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


def page_text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def is_named(word: str, text: str) -> bool:
    return re.search(rf"`[^`]*(?<![\w-]){re.escape(word)}(?![\w-])[^`]*`", text) is not None


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_reached_from_the_index() -> None:
    linked = set()
    for page in (DOCS / "README.md", DOCS / "adr" / "README.md"):
        linked |= {(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)\)", prose(page))}
    assert [shown(page) for page in DOCS.rglob("*.md") if page.resolve() not in linked | {DOCS / "README.md"}] == []


@each_page
def test_words_have_one_name(page: Path) -> None:
    found = [word[0] for word in re.finditer(rf"\b({'|'.join(BANNED)})\b", prose(page), re.IGNORECASE)]
    assert found == []


@each_page
def test_nothing_of_one_machine_is_told(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"/(?:work|tmp/tut|root)/\S*|root@\w+", text) == []


def test_every_command_has_its_place() -> None:
    text = page_text("reference/cli.md")
    below = [f"{name} {each}" for name, one in COMMAND.commands.items() for each in getattr(one, "commands", {})]
    assert "cluster skip" in below
    assert [name for name in [*COMMAND.commands, *below] if f"### views {name}\n" not in text] == []


def views_calls(page: Path) -> Iterator[str]:
    """Yield the calls of ``views`` in a page's console and shell blocks."""
    for block in blocks(page, "console", "sh"):
        for line in block.splitlines():
            text = line.removeprefix("$ ")
            if text.startswith("views "):
                yield re.split(r"\s+#\s|;|&&|\s\|\s", text)[0]


@each_page
def test_commands_and_options_in_examples_exist(page: Path) -> None:
    wrong = []
    for call in views_calls(page):
        words = shlex.split(call)[1:]
        own = {option for parameter in COMMAND.params for option in parameter.opts}
        while words and words[0].startswith("-"):
            takes_value = next((not p.is_flag for p in COMMAND.params if words[0] in p.opts), True)
            assert words[0] in own | {"--help", "-h"}, call
            words = words[2 if takes_value else 1 :]
        if not words:
            continue
        command = COMMAND.commands.get(words[0])
        if len(words) > 1 and words[1] in getattr(command, "commands", {}):
            command = command.commands[words[1]]
        if command is None:
            wrong.append(call)
        elif words[0] != "cqlsh":  # what follows goes to cqlsh
            known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
            wrong += [call for word in words[1:] if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("reference/files.md", ViewFrontMatter),
        ("reference/files.md", WindowFields),
        ("reference/files.md", TableFrontMatter),
        ("reference/files.md", TimeFields),
        ("reference/files.md", CheckFields),
        ("reference/files.md", ViewTestsFields),
        ("reference/files.md", ViewTestFields),
        ("reference/configuration.md", ProjectConfig),
        ("reference/configuration.md", EnvConfig),
        ("reference/configuration.md", KeyspaceConfig),
        ("reference/configuration.md", Tls),
        ("reference/configuration.md", Policy),
        ("reference/configuration.md", MachineSettings),
        ("reference/configuration.md", ServicePolicy),
    ],
)
def test_every_key_is_described(name: str, model: type[BaseModel]) -> None:
    rows = re.findall(r"^\| `([\w.<>]+)`", page_text(name), re.MULTILINE)
    described = {part for row in rows for part in (row, row.partition(".")[0])}
    assert [key for key in model.model_fields if key not in described] == []


def test_every_variable_is_described() -> None:
    text = page_text("reference/configuration.md")
    used = {name for path in SOURCES for name in re.findall(r'"(CASSANDRA_[A-Z_]+|VIEWS_[A-Z]+)"', path.read_text())}
    assert {"CASSANDRA_CONTACT_POINTS", "VIEWS_ENV", "VIEWS_AUTHOR"} <= used
    assert [name for name in sorted(used) if f"`{name}`" not in text] == []


@pytest.mark.parametrize(("table", "cql"), table_statements("views_registry"), ids=lambda each: each.split()[0])
def test_every_column_of_the_registry_is_described(table: str, cql: str) -> None:
    section = page_text("reference/tables.md").partition(f"\n## `{table}`\n")[2].partition("\n## ")[0]
    columns = re.findall(r"[(,] (\w+) (?:text|int|bigint|uuid|timeuuid|timestamp|date|list)\b", cql.replace("(", "( "))
    assert len(columns) > 1
    assert [column for column in columns if not is_named(column, section)] == []


@pytest.mark.parametrize("table", ["checks", "journal", "control"])
def test_every_column_of_the_health_of_a_cluster_is_described(table: str) -> None:
    all_made = health_tables.statements("k", {"dc1": 3})
    made = next(each for each in all_made if f" k.{table} " in each)
    columns = re.findall(r"[(,] (\w+) (?:text|uuid|timeuuid|timestamp|map|list)\b", made.replace("(", "( "))
    section = page_text("reference/tables.md").partition(f"\n### `{table}`\n")[2].partition("\n### ")[0]
    assert len(columns) >= 6
    assert [column for column in columns if not is_named(column, section)] == []


def test_every_rule_and_verdict_of_healing_is_described() -> None:
    text, services = page_text("guides/self-healing.md"), page_text("guides/self-healing-services.md")
    assert [each for each in (*Rule, *HealthVerdict) if f"| `{each}` |" not in text + services] == []
    assert [each for each in ServiceKind if f"| `{each}` |" not in services] == []


def test_every_state_is_described() -> None:
    section = page_text("reference/tables.md").partition("\n## States")[2]
    assert [state for state in State if f"| `{state}` |" not in section] == []


def test_every_condition_is_described() -> None:
    told = re.findall(r"``(\w+)``", (ViewStatus.__doc__ or "").partition("rollback_until")[0])
    assert "serving" in told
    assert [word for word in told if f"| `{word}` |" not in page_text("guides/operator.md")] == []


def test_every_key_of_status_is_described() -> None:
    section = page_text("reference/cli.md").partition("\n## Output")[2].partition("\n## ")[0]
    assert [field.name for field in dataclasses.fields(ViewStatus) if not is_named(field.name, section)] == []


def test_every_event_of_the_history_is_described() -> None:
    calls = re.compile(r"\.(?:record_event|note_event)\(\s*[\w.]+,\s*f?\"([a-z ]+)")
    events = {event.strip() for path in SOURCES for event in calls.findall(path.read_text(encoding="utf-8"))}
    assert {"built", "serve", "drop", "override"} <= events
    section = page_text("reference/tables.md").partition("\n## `history`")[2].partition("\n## ")[0]
    assert [event for event in sorted(events) if not is_named(event, section)] == []


def test_every_public_name_is_described() -> None:
    text = page_text("reference/python.md")
    members = {**vars(client_errors), **vars(errors)}
    kinds = [name for name, each in members.items() if isinstance(each, type) and issubclass(each, Exception)]
    assert [name for name in [*cassandra_views.__all__, *kinds] if not is_named(name, text) and name not in text] == []


@pytest.mark.parametrize(
    "kind",
    [
        cassandra_views.ViewReader,
        cassandra_views.AsyncViewReader,
        cassandra_views.ViewManager,
        cassandra_embedded.EmbeddedCassandra,
    ],
)
def test_signatures_are_as_the_page_says(kind: type) -> None:
    shown = re.search(rf"^`{kind.__name__}\((.*)\)`$", page_text("reference/python.md"), re.MULTILINE)
    assert shown is not None
    named = re.findall(r"(?:^|, )(\w+)", re.sub(r"\(.*?\)|\".*?\"", "", shown[1]))
    # A clock that only grows is for the readers' own tests.
    is_reader = kind.__name__.endswith("ViewReader")
    assert named == [name for name in inspect.signature(kind).parameters if not (is_reader and name == "clock")]


def test_every_error_of_the_embedded_server_is_told_somewhere() -> None:
    text = page_text("guides/embedded.md")
    members = {name: getattr(cassandra_embedded, name) for name in cassandra_embedded.__all__}
    errors = [name for name, each in members.items() if isinstance(each, type) and issubclass(each, Exception)]
    assert "PortTaken" in errors
    assert [name for name in errors if not is_named(name, text)] == []


@each_page
def test_examples_of_view_and_table_files_are_right(page: Path) -> None:
    for block in blocks(page, "", "jinja"):
        if block.startswith("---\n"):
            parts = split(block, shown(page))
            if "CREATE MATERIALIZED VIEW" in block:
                read_front_matter(parts, ViewFrontMatter)
            else:
                read_front_matter(parts, TableFrontMatter)


@each_page
def test_examples_of_views_toml_are_right(page: Path) -> None:
    for block in blocks(page, "toml"):
        if "[env" in block:
            ProjectConfig.model_validate(tomllib.loads(block))


@each_page
def test_examples_in_python_compile(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, shown(page), "exec")


def test_guarantees_name_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page_text("guarantees.md"))
    assert len(named) > 20
    missing = []
    for path, test in named:
        file = ROOT / path
        if not file.exists() or (test and f"def {test}(" not in file.read_text(encoding="utf-8")):
            missing.append(f"{path}::{test}")
    for path, names in re.findall(r'`(tests/[\w/]+\.yaml)`: ((?:"[^"]+"(?:, )?)+)', page_text("guarantees.md")):
        cases = set(re.findall(r"^- name: (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))
        missing += [f"{path}: {name}" for name in re.findall(r'"([^"]+)"', names) if name not in cases]
    assert missing == []


def test_make_test_and_make_test_all_run_what_the_guarantees_say() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^(test[\w-]*): ?(.*?) ?##.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    runs = {name: re.findall(r"pytest\b.*?((?: tests/\S+)*)$", recipe, re.MULTILINE) for name, _needs, recipe in rules}
    assert runs == {"test": [""], "test-all": [" tests/nightly"]}, "the first runs the folders of pyproject.toml"
    assert {name: needs for name, needs, _recipe in rules}["test-all"] == "test"
    tests = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    daily = {path for path in tests if any(path.is_relative_to(each) for each in settings["testpaths"])}
    assert {path.parts[1] for path in daily} == {"unit", "integration", "scenarios"}
    assert {path.parts[1] for path in tests - daily} == {"nightly"}
