"""Renames of view files: the file under its new name, what it says of the former one, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cassandra_views.model.errors import ProjectError
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.renames import finish_file, former_names, rename_file

STATEMENT = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT customer, day FROM {{ base('orders') }} "
    "WHERE day IS NOT NULL AND customer IS NOT NULL PRIMARY KEY (day, customer)\n"
)
PLAIN = "---\ndescription: Orders of a day\n---\n" + STATEMENT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "views").mkdir()
    return tmp_path


def written(root: Path, name: str, text: str = PLAIN) -> Path:
    path = root / "views" / f"{name}.cql.j2"
    path.write_bytes(text.encode())
    return path


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "views").iterdir())


def renamed_from(root: Path) -> dict[str, tuple[str, ...]]:
    project = ProjectLoader(root, default_keyspace="shop").load()
    return {view.name.view: view.renamed_from for view in project.views}


def test_a_file_is_moved_with_its_tests_and_says_what_it_was(root: Path) -> None:
    written(root, "a")
    (root / "views" / "a.test.yaml").write_text("tests: []\n", encoding="utf-8")
    done = rename_file(root, "a", "b")
    assert names(root) == ["b.cql.j2", "b.test.yaml"]
    assert done.text.endswith("a.cql.j2 is b.cql.j2 now")
    assert done.path.read_text(encoding="utf-8") == PLAIN.replace("day\n---", "day\nrenamed_from: a\n---")
    assert renamed_from(root) == {"b": ("a",)}


def test_a_second_rename_keeps_both_and_one_back_forgets_its_own_name(root: Path) -> None:
    written(root, "a")
    rename_file(root, "a", "b")
    rename_file(root, "b", "c")
    assert renamed_from(root) == {"c": ("a", "b")}
    rename_file(root, "c", "a")
    assert renamed_from(root) == {"a": ("b", "c")}


def test_the_end_leaves_the_file_as_it_was_before(root: Path) -> None:
    for text in (PLAIN, STATEMENT, PLAIN.replace("\n", "\r\n")):
        written(root, "a", text)
        rename_file(root, "a", "b")
        finish_file(root, "a", "b")
        path = root / "views" / "b.cql.j2"
        assert path.read_bytes() == text.encode()
        path.unlink()


@pytest.mark.parametrize("lines", ["renamed_from: [a, x]", "renamed_from:\n  - a\n  - x", "renamed_from:\n- a\n- x"])
def test_a_list_is_read_however_it_is_written(root: Path, lines: str) -> None:
    path = written(root, "b", f"---\n{lines}\nowner: web\n---\n{STATEMENT}")
    assert former_names(path) == ("a", "x")
    finish_file(root, "a", "b")
    assert path.read_text(encoding="utf-8") == f"---\nowner: web\nrenamed_from: x\n---\n{STATEMENT}"


def test_a_statement_that_spells_the_name_out_follows(root: Path) -> None:
    written(root, "a", PLAIN.replace("{{ view }}", "shop.a"))
    rename_file(root, "a", "b")
    assert renamed_from(root) == {"b": ("a",)}


def test_a_file_that_was_moved_by_hand_gets_what_it_lacks(root: Path) -> None:
    written(root, "b")
    rename_file(root, "a", "b")
    assert renamed_from(root) == {"b": ("a",)}


def test_a_rename_that_was_stopped_between_its_files_is_finished(root: Path) -> None:
    old = written(root, "a")
    rename_file(root, "a", "b")
    old.write_text(PLAIN, encoding="utf-8")
    with pytest.raises(ProjectError, match="names a, which still has a file"):
        renamed_from(root)
    rename_file(root, "a", "b")
    assert renamed_from(root) == {"b": ("a",)}


def test_what_is_done_can_be_undone(root: Path) -> None:
    written(root, "a")
    (root / "views" / "a.test.yaml").write_text("tests: []\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in (root / "views").iterdir()}
    rename_file(root, "a", "b").undo()
    assert {path.name: path.read_bytes() for path in (root / "views").iterdir()} == before


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("a", "other", "there is a file of a view other already"),
        ("lost", "b", "there is no file of a view lost"),
        ("a", "not a name", "'not a name' cannot be a view's name"),
    ],
)
def test_what_cannot_be_renamed_stays_as_it_is(root: Path, old: str, new: str, what: str) -> None:
    written(root, "a")
    written(root, "other")
    with pytest.raises(ProjectError, match=what) as found:
        rename_file(root, old, new)
    assert found.value.remains == "Nothing was changed"
    assert found.value.next
    assert names(root) == ["a.cql.j2", "other.cql.j2"]


def test_two_files_that_claim_one_name_are_both_refused(root: Path) -> None:
    for name in ("b", "c"):
        written(root, name, PLAIN.replace("---\n", "---\nrenamed_from: a\n", 1))
    project = ProjectLoader(root, default_keyspace="shop").load(skip_broken=True)
    assert {each.view: each.renamed_from for each in project.broken} == {"b": ("a",), "c": ("a",)}
    assert {each.error.what for each in project.broken} == {"two files say 'renamed_from: a': b, c"}


def test_a_file_that_names_itself_is_refused(root: Path) -> None:
    written(root, "a", PLAIN.replace("---\n", "---\nrenamed_from: a\n", 1))
    with pytest.raises(ProjectError, match="its 'renamed_from' names the view itself"):
        ProjectLoader(root, default_keyspace="shop").load()


def test_a_wrong_file_still_says_what_it_was_renamed_from(root: Path) -> None:
    written(root, "b", "---\nrenamed_from: a\nownr: web\n---\n" + STATEMENT)
    (broken,) = ProjectLoader(root, default_keyspace="shop").load(skip_broken=True).broken
    assert broken.renamed_from == ("a",)
