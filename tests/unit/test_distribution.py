"""What others take this repository for: a GitHub Action, a pre-commit hook, an image, manifests for Kubernetes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer.main
import yaml
from pre_commit.clientlib import load_manifest

from cassandra_views.cli.main import app
from cassandra_views.project.scaffold import scaffold
from tests.paths import ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
MANIFESTS = sorted((ROOT / "kubernetes").glob("*.yaml"))
DOCUMENTS: list[dict[str, Any]] = [
    each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
WORDS = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("reference/configuration.md", "guides/flask.md", "guides/operations-pages.md")
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project."""
    scaffold(tmp_path / "shop")
    return tmp_path / "shop"


def step(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in ACTION["runs"]["steps"] if each.get("name") == name)
    return found


def run_step(name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub's runner does, with this environment's program."""
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": os.environ["HOME"]}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)["run"]]
    return subprocess.run(
        command, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False
    )


def test_the_action_is_one() -> None:
    text = (files("check_jsonschema") / "builtin_schemas" / "vendor" / "github-actions.json").read_text("utf-8")
    jsonschema.validate(ACTION, json.loads(text))
    used = set(re.findall(r"inputs\.([\w-]+)", json.dumps(ACTION["runs"])))
    assert used == set(ACTION["inputs"])


def test_no_input_of_the_action_reaches_a_shell_as_code() -> None:
    assert [each["name"] for each in ACTION["runs"]["steps"] if "${{" in each.get("run", "")] == []


def test_the_action_fails_on_a_wrong_file_alone(project: Path) -> None:
    done = run_step("Lint", project)
    assert (done.returncode, done.stdout) == (0, "1 view and 1 table: 0 errors, 0 warnings.\n")
    (view,) = (project / "cql_templates" / "views").glob("*.cql.j2")
    view.write_text(view.read_text(encoding="utf-8").replace("customer IS NOT NULL", "TRUE"), encoding="utf-8")
    assert run_step("Lint", project).returncode == 1


def test_the_action_puts_no_other_program_on_the_path(tmp_path: Path) -> None:
    python, added = tmp_path / "bin" / "python", tmp_path / "added"
    python.parent.mkdir()
    made = 'mkdir -p "$3/bin" && cd "$3/bin" && touch python && printf "#!/bin/sh\\n" | tee pip > views && chmod +x *'
    python.write_text(f"#!/bin/sh\n{made}\n", encoding="utf-8")
    python.chmod(0o755)
    variables = {"RUNNER_TEMP": str(tmp_path), "GITHUB_PATH": str(added), "SOURCE": str(ROOT)}
    done = run_step("Install", tmp_path, PATH=f"{python.parent}:{os.environ['PATH']}", **variables)
    assert done.returncode == 0, done.stderr
    (program,) = Path(added.read_text(encoding="utf-8").strip()).iterdir()
    assert (program.name, program.resolve()) == ("views", tmp_path / "cassandra-views" / "bin" / "views")


@pytest.mark.parametrize(("code", "ended", "changes"), [(0, 0, "false"), (2, 0, "true"), (1, 1, None)])
def test_the_action_tells_whether_a_plan_changes_anything(
    tmp_path: Path, code: int, ended: int, changes: str | None
) -> None:
    program, output = tmp_path / "bin" / "views", tmp_path / "output"
    program.parent.mkdir()
    script = f'#!/bin/sh\necho "in $VIEWS_ENV: $*"\necho a note >&2\nexit {code}\n'
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    variables = {"PATH": path, "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(output), "VIEWS_ENV": "prod"}
    done = run_step("Plan", tmp_path, **variables)
    plan = "in prod: plan --detailed-exitcode\n"
    assert (done.returncode, done.stdout, done.stderr) == (ended, plan, "a note\n")
    assert (tmp_path / "views-plan.txt").read_text(encoding="utf-8") == plan
    told = dict(line.split("=") for line in output.read_text().splitlines()) if output.exists() else {}
    assert told == ({"plan": str(tmp_path / "views-plan.txt"), "changes": changes} if changes else {})


def test_the_hook_is_one_and_runs_for_the_files_of_a_project(project: Path) -> None:
    (hook,) = load_manifest(ROOT / ".pre-commit-hooks.yaml")
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == ("views-lint", "python", False)
    names = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    chosen = {name for name in names if re.search(hook["files"], name)}
    templates = "cql_templates"
    assert chosen == {
        "views.toml",
        f"{templates}/tables/orders.cql.j2",
        f"{templates}/views/orders_by_day.cql.j2",
        f"{templates}/views/orders_by_day.test.yaml",
    }
    assert re.search(hook["files"], f"{templates}/macros/windows.j2")
    program, *arguments = shlex.split(hook["entry"])
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1 view and 1 table: 0 errors, 0 warnings.\n")


def instructions(name: str) -> list[tuple[str, str]]:
    """Return the instructions of a container file with what follows them."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(word, rest) for word, _space, rest in found]


def test_the_image_takes_what_is_there_and_runs_as_nobody_in_particular() -> None:
    found = instructions("Containerfile")
    copied = {name for word, rest in found if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("!") for line in allowed if line.startswith("!")} == copied
    last = dict(found)
    assert json.loads(last["ENTRYPOINT"]) == ["views"]
    assert [*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])] == ["views", "--help"]
    assert last["USER"].isdecimal()
    assert int(last["USER"]) > 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each["kind"])
def test_manifests_follow_the_schema_of_kubernetes(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, "1.33", strict=True)


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each container with the pod that it is in."""
    for document in DOCUMENTS:
        spec = document["spec"].get("jobTemplate", document)["spec"]
        pod = spec.get("template", {}).get("spec", {})
        yield from ((pod, each) for each in pod.get("containers", []))


@pytest.mark.parametrize(("pod", "container"), list(containers()), ids=lambda each: each.get("name", "pod"))
def test_containers_use_what_there_is(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsUser"] == int(dict(instructions("Containerfile"))["USER"])
    # A Service named cassandra would set CASSANDRA_PORT to a URL.
    assert pod["enableServiceLinks"] is False
    assert [each["name"] for each in container["env"] if f"`{each['name']}`" not in WORDS] == []
    volumes = {each["name"] for each in pod["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    named = {each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"] if "valueFrom" in each}
    assert named == {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f"| `{container.get(probe, {}).get('httpGet', {}).get('path', '/healthz')}` |" in WORDS
    if "command" not in container:
        name, *options = container["args"]
        command: Any = typer.main.get_command(app)
        parameters = command.commands[name].params
        known = {option for each in parameters for option in (*each.opts, *each.secondary_opts)}
        assert set(options) <= known


def test_the_pages_answer_probes_while_all_reads_are_taken() -> None:
    ((_pod, pages),) = [each for each in containers() if each[1]["name"] == "pages"]
    values = {each["name"]: each.get("value") for each in pages["env"]}
    (threads,) = re.findall(r"--threads=(\d+)", " ".join(pages["args"]))
    assert int(values["VIEWS_MOST_AT_ONCE"]) < int(threads)
    assert pages["livenessProbe"]["timeoutSeconds"] > 1
