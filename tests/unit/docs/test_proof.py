"""The edits of tests/mutations still apply, and each breaks a guarantee that names its test."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.proof import (
    Mutation,
    ProofResult,
    SeenBefore,
    Servers,
    Verdict,
    checkout_digest,
    read_guarantees,
    read_mutations,
)

MUTATIONS = read_mutations()
GUARANTEES = {each.text: each for each in read_guarantees()}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[f"{each.file}: {each.guarantee}" for each in MUTATIONS])
def test_each_edit_applies_and_breaks_a_guarantee_by_one_of_its_tests(mutation: Mutation) -> None:
    source = (ROOT / mutation.file).read_text(encoding="utf-8")
    edited = mutation.edited(source)
    assert edited != source
    ast.parse(edited)
    assert mutation.test in GUARANTEES[mutation.guarantee].tests


def test_an_edit_that_no_longer_applies_says_so() -> None:
    stale = replace(MUTATIONS[0], find="no such text")
    with pytest.raises(ValueError, match=r"0 times .* Correct its entry in tests/mutations"):
        stale.edited("another text")


def test_guarantees_are_read_with_their_tests() -> None:
    row = '| It holds. | `tests/unit/a.py::test_b`, `tests/unit/plan/cases/c.yaml`: "one", "another" |\n'
    (found,) = read_guarantees(f"| what | held by |\n|---|---|\n{row}")
    assert found.text == "It holds."
    cases = tuple(f"tests/unit/plan/cases/c.yaml: {name}" for name in ("one", "another"))
    assert found.tests == ("tests/unit/a.py::test_b", *cases)
    (later,) = read_guarantees("| It will. | not yet |\n")
    assert not later.is_built


def test_each_guarantee_has_an_edit() -> None:
    built = {text for text, each in GUARANTEES.items() if each.is_built}
    assert built - {each.guarantee for each in MUTATIONS} == set()


def test_what_was_seen_to_fail_is_kept_for_the_same_files_and_the_same_edit(tmp_path: Path) -> None:
    path = tmp_path / "build" / "proof.json"
    seen, missed = MUTATIONS[:2]
    before = SeenBefore.read(path, "files")
    for mutation, verdict in ((seen, Verdict.SEEN), (missed, Verdict.MISSED)):
        before.note(ProofResult(mutation=mutation, verdict=verdict, seconds=1.0))
    kept = SeenBefore.read(path, "files")
    assert kept.find(seen) == ProofResult(mutation=seen, verdict=Verdict.SEEN, seconds=1.0, is_kept=True)
    assert kept.find(missed) is None
    assert kept.find(replace(seen, replace="another fault")) is None
    assert SeenBefore.read(path, "other files").find(seen) is None


def test_files_are_the_same_whatever_the_mutations_say(tmp_path: Path) -> None:
    for name in ("views/a.py", "tests/mutations/b.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    before = checkout_digest(tmp_path)
    (tmp_path / "tests/mutations/b.yaml").write_text("two")
    assert checkout_digest(tmp_path) == before
    (tmp_path / "views/a.py").write_text("two")
    assert checkout_digest(tmp_path) != before


@pytest.mark.parametrize(
    ("test", "servers"),
    [
        ("tests/unit/plan/cases/a.yaml: a case", Servers.NONE),
        ("tests/scenarios/lifecycle/test_a.py::test_b", Servers.SHARED),
        ("tests/scenarios/cluster/test_a.py::test_b", Servers.THREE_NODES),
        ("tests/nightly/lifecycle/test_a.py::test_b", Servers.NIGHTLY),
    ],
)
def test_mutations_are_grouped_by_what_their_tests_run_on(test: str, servers: Servers) -> None:
    assert replace(MUTATIONS[0], test=test).servers is servers
