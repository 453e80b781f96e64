"""The source root as a whole: no two classes of one name, and no files that import each other in a circle."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.paths import ROOT

PACKAGES = ("views", "followers", "spark_jobs", "dags", "local_cluster")


def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of every module, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[1:] if parts[0] == "views" else parts).removesuffix(".__init__")
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.AST, known: dict[str, ast.Module]) -> Iterator[str]:
    """Yield the modules of ours that a tree imports when it runs, those inside of functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{each.name}" for each in node.names}
            yield from names & known.keys() or {node.module} & known.keys()
        else:
            yield from imported(node, known)


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return modules()


def test_no_class_name_is_used_twice(trees: dict[str, ast.Module]) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_files_import_each_other_in_a_circle(trees: dict[str, ast.Module]) -> None:
    graph = {name: set(imported(tree, trees)) - {name} for name, tree in trees.items()}
    assert sum(map(len, graph.values())) > len(graph), "imports are found at all"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(reversed(error.args[1]))}")


def test_a_circle_is_found() -> None:
    trees = {
        "a": ast.parse("def f():\n    from b import g"),
        "b": ast.parse("from c import h"),
        "c": ast.parse("import a"),
    }
    graph = {name: set(imported(tree, trees)) for name, tree in trees.items()}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


def test_imports_for_types_alone_make_no_circle() -> None:
    tree = ast.parse("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a")
    assert list(imported(tree, {"a": tree})) == []
