"""The edits of tests/mutations still apply, and each breaks a guarantee that names its test."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from tests.paths import ROOT
from tests.proof import Mutation, read_guarantees, read_mutations

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
