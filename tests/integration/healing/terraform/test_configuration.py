"""The configurations: formatted, whole, and the cloud's as it should be, as far as can be seen without its provider."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest

from cassandra_healing.operations.terraform.commands import TerraformBinary, clean_environment
from tests.paths import ROOT

ROOT = ROOT / "terraform"
FOLDERS = sorted({path.parent for path in ROOT.rglob("*.tf")})
CLOUD = ROOT / "cloud"
each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())


def run(binary: TerraformBinary, folder: Path, data: Path, *words: str, given: str = "") -> str:
    done = subprocess.run(
        [binary.path, *words],
        cwd=folder,
        env=clean_environment(data),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def parse(folder: Path) -> dict[str, list[Any]]:
    """Return the blocks of a folder's files by kind, without the marks of the parser."""
    found: dict[str, list[Any]] = {}
    for path in sorted(folder.glob("*.tf")):
        with path.open(encoding="utf-8") as file:
            for kind, blocks in plain(hcl2.load(file)).items():
                found.setdefault(kind, []).extend(blocks if isinstance(blocks, list) else [blocks])
    return found


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.strip('"') if isinstance(value, str) else value


def named(blocks: list[Any]) -> dict[str, Any]:
    return {name: body for block in blocks for name, body in block.items()}


def text_of(folder: Path) -> str:
    files = [*folder.glob("*.tf"), *folder.glob("*.tftpl")]
    return "\n".join(re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE) for path in sorted(files))


def test_it_is_formatted(binary: TerraformBinary, tmp_path: Path) -> None:
    assert run(binary, ROOT, tmp_path, "fmt", "-check", "-recursive", "-no-color") == ""


def test_the_local_form_is_valid(binary: TerraformBinary, tmp_path: Path) -> None:
    folder = ROOT / "local"
    before = sorted(folder.iterdir())
    run(binary, folder, tmp_path, "init", "-no-color", f"-backend-config=path={tmp_path}/terraform.tfstate")
    assert "The configuration is valid" in run(binary, folder, tmp_path, "validate", "-no-color")
    assert sorted(folder.iterdir()) == before


@each_folder
def test_each_variable_is_used_and_each_used_one_declared(folder: Path) -> None:
    used = set(re.findall(r"\bvar\.(\w+)", text_of(folder)))
    declared = named(parse(folder).get("variable", []))
    assert used == set(declared)
    assert [name for name, body in declared.items() if not body.get("description")] == []


@each_folder
def test_each_call_of_a_module_gives_what_it_takes(folder: Path) -> None:
    for name, call in named(parse(folder).get("module", [])).items():
        takes = named(parse((folder / call["source"]).resolve())["variable"])
        given = set(call) - {"source", "depends_on"}
        assert given <= set(takes), name
        assert {each for each, body in takes.items() if "default" not in body} <= given, name
        outputs = named(parse((folder / call["source"]).resolve()).get("output", []))
        assert set(re.findall(rf"module\.{name}\.(\w+)", text_of(folder))) <= set(outputs), name


def test_no_node_is_started_before_the_old_one_is_ended() -> None:
    for folder in (ROOT / "modules").iterdir():
        assert "create_before_destroy" not in text_of(folder)


def test_a_node_of_the_cloud_is_one_row_of_a_plan() -> None:
    assert [list(block) for block in parse(ROOT / "modules" / "node_aws")["resource"]] == [["aws_instance"]]


def test_airflows_host_is_what_the_seed_says() -> None:
    found = parse(CLOUD)
    variables = named(found["variable"])
    assert variables["airflow_instance_type"]["default"] == "m5.large"
    assert variables["airflow_gb"]["default"] == 80
    resources = [(kind, named([body])) for block in found["resource"] for kind, body in block.items()]
    groups = {name: body for kind, each in resources if kind == "aws_security_group" for name, body in each.items()}
    assert [kind for kind, _ in resources if kind == "aws_eip"] == ["aws_eip"]
    opened = {(rule["from_port"], rule["to_port"]): rule.get("cidr_blocks") for rule in groups["airflow"]["ingress"]}
    assert opened == {(22, 22): ["${var.operators_cidr}"], (8080, 8080): ["${var.operators_cidr}"]}
    # SSH to the Spark master, from there and from nowhere else.
    ssh = [rule for rule in groups["spark"]["ingress"] if rule["from_port"] == 22]
    assert [rule["security_groups"] for rule in ssh] == [["${aws_security_group.airflow.id}"]]
    outside = [name for name, body in groups.items() for rule in body["ingress"] if rule.get("cidr_blocks")]
    assert set(outside) == {"airflow"}


TEMPLATES = {
    "cassandra.sh.tftpl": [
        '{ name = "c1", zone = "eu-west-1a", address = "10.0.0.1", token = "-9", cluster = "live", version = "5.0", '
        'seeds = ["10.0.0.1", "10.0.0.2"], is_new = true }',
        '{ name = "c4", zone = "eu-west-1b", address = "10.0.0.4", token = null, cluster = "live", version = "5.0", '
        'seeds = ["10.0.0.1", "10.0.0.2"], is_new = false }',
    ],
    "spark.sh.tftpl": [
        '{ name = "m", role = "master", address = "10.0.1.1", master = "10.0.1.1", version = "3.5.9" }',
        '{ name = "w", role = "worker", address = "10.0.1.2", master = "10.0.1.1", version = "3.5.9" }',
    ],
    "airflow.sh.tftpl": ['{ name = "airflow" }'],
}


@pytest.mark.parametrize(
    ("template", "values"), [(name, values) for name, each in TEMPLATES.items() for values in each]
)
def test_what_a_machine_runs_first_is_a_sound_script(
    binary: TerraformBinary, tmp_path: Path, template: str, values: str
) -> None:
    assert {path.name for path in CLOUD.glob("*.tftpl")} == set(TEMPLATES)
    call = f'base64encode(templatefile("{CLOUD / template}", {values}))'
    shown = run(binary, tmp_path, tmp_path / "data", "console", given=call)
    script = tmp_path / "script.sh"
    script.write_bytes(base64.b64decode(shown.strip().strip('"')))
    checked = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    if template.startswith("cassandra"):
        text = script.read_text()
        is_new = "is_new = true" in values
        # A machine that is cut off never makes a ring; one that joins is not among its own seeds.
        assert f"is_new={str(is_new).lower()}\n" in text
        assert f"others='{'10.0.0.2' if is_new else '10.0.0.1,10.0.0.2'}'\n" in text
        assert ("initial_token" in text) == is_new
