"""Jars are complete or not there at all: a resolver may leave some out without an error."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cassandra_embedded import DownloadFailed
from cassandra_embedded.downloads import TRIES, JarSet, ResolvedJars, cache_folder, cached_jars

WANTED = JarSet(
    name="connector-1.0",
    endpoint="org.example:connector:1.0",
    on="the connector 1.0",
    whose="its",
    count=3,
    size_mb=20,
    main=("connector-",),
)


@dataclass
class Resolver:
    """A resolver as ``jgo`` is one: it keeps each result in a folder, and finds it again while the folder is there.

    Attributes:
        folder: where results are kept.
        counts: how many jars each resolution that is not kept finds.
        resolutions: how many there were.
    """

    folder: Path
    counts: list[int]
    resolutions: int = field(default=0)

    def __call__(self, endpoint: str) -> ResolvedJars:
        assert endpoint == WANTED.endpoint
        if not self.folder.exists():
            self.resolutions += 1
            self.folder.mkdir(parents=True)
            for name in ("connector-1.0.jar", "core-4.0.jar", "util-2.0.jar", "extra-1.0.jar")[: self.counts.pop(0)]:
                (self.folder / name).touch()
        return ResolvedJars(jars=tuple(sorted(self.folder.glob("*.jar"))), folder=self.folder)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def listing() -> Path:
    return cache_folder() / "jars" / "connector-1.0.json"


def fetched(resolver: Resolver, progress: list[str] | None = None) -> list[str]:
    sink: list[str] = [] if progress is None else progress
    return [jar.name for jar in cached_jars(WANTED, sink.append, resolve=resolver, pause_seconds=0)]


def test_a_complete_set_is_resolved_once(tmp_path: Path) -> None:
    progress: list[str] = []
    resolver = Resolver(tmp_path / "env", [3])
    assert fetched(resolver, progress) == ["connector-1.0.jar", "core-4.0.jar", "util-2.0.jar"]
    assert fetched(resolver, progress) == ["connector-1.0.jar", "core-4.0.jar", "util-2.0.jar"]
    assert resolver.resolutions == 1
    assert progress == ["Downloading the connector 1.0 (3 jars, 20 MB, only this once)"]


def test_an_incomplete_result_is_removed_and_resolved_again(tmp_path: Path) -> None:
    resolver = Resolver(tmp_path / "env", [1, 2, 3])
    assert len(fetched(resolver)) == 3
    assert resolver.resolutions == 3
    assert len(json.loads(listing().read_text(encoding="utf-8"))) == 3


def test_a_set_that_stays_incomplete_is_an_error_and_is_not_kept(tmp_path: Path) -> None:
    resolver = Resolver(tmp_path / "env", [1, 2, 2, 3])
    with pytest.raises(DownloadFailed) as caught:
        fetched(resolver)
    assert str(caught.value) == (
        "the connector 1.0: its jars could not be fetched completely (2 of 3 jars, tried 3 times). Nothing is running. "
        "Check that Maven Central can be reached for org.example:connector:1.0 and that this machine is not "
        "overloaded, and try again."
    )
    assert resolver.resolutions == TRIES
    assert not listing().exists()
    assert not resolver.folder.exists()
    assert len(fetched(resolver)) == 3


def test_an_incomplete_set_of_an_earlier_run_is_not_used(tmp_path: Path) -> None:
    # As an earlier version left it: a list of jars that are all there, and the resolver's folder with the same jars.
    resolver = Resolver(tmp_path / "env", [2, 3])
    incomplete = resolver(WANTED.endpoint).jars
    listing().parent.mkdir(parents=True)
    listing().write_text(json.dumps([str(jar) for jar in incomplete]), encoding="utf-8")
    assert len(fetched(resolver)) == 3


def test_a_set_whose_files_were_removed_is_resolved_again(tmp_path: Path) -> None:
    resolver = Resolver(tmp_path / "env", [3, 3])
    fetched(resolver)
    for jar in resolver.folder.iterdir():
        jar.unlink()
    resolver.folder.rmdir()
    assert len(fetched(resolver)) == 3
    assert resolver.resolutions == 2


def test_a_set_with_more_jars_than_known_is_used(tmp_path: Path) -> None:
    resolver = Resolver(tmp_path / "env", [4])
    assert len(fetched(resolver)) == 4
    assert len(fetched(resolver)) == 4
    assert resolver.resolutions == 1


def test_a_resolver_that_fails_is_told(tmp_path: Path) -> None:
    def refuse(endpoint: str) -> ResolvedJars:
        raise RuntimeError(f"no route to {endpoint}\nmore")

    with pytest.raises(DownloadFailed, match=r"RuntimeError: no route to org\.example:connector:1\.0\)"):
        cached_jars(WANTED, lambda _: None, resolve=refuse)
