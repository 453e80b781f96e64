"""Proves that the tests of docs/guarantees.md hold what it says: each must fail once its guarantee is broken.

    python -m tests.proof [--only TEXT] [--no-server] [--again] [--json]

Each entry of tests/mutations/*.yaml breaks one guarantee by one edit of the source. It is made in a copy of the
checkout, where the named test must then fail; before any edit all of these tests must pass there. What was seen is kept
in build/proof.json for as long as no file of the checkout changes, so a run that was cut off is resumed by the next.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

import yaml

from tests.paths import ROOT
from tests.servers import CLUSTER_NAME, CONTACT_POINTS, PORT, Kind, any_server, choose_kind, connect, docker_answers

MUTATIONS = ROOT / "tests" / "mutations"
KEPT = ROOT / "build" / "proof.json"
_LIMIT_SECONDS = 1200.0
_NIGHTLY_LIMIT_SECONDS = 3600.0
_SHARED = (".venv", ".tools")
"""Folders of the checkout that the copy links to."""
_CASE_TESTS = {
    "tests/unit/plan/cases": "tests/unit/plan/test_cases.py",
    "tests/integration/errors": "tests/integration/errors/test_errors.py",
    "tests/unit/healing/decisions": "tests/unit/healing/test_decisions.py",
}
"""The test that runs the cases of a folder's YAML files."""


class Verdict(StrEnum):
    """What came of breaking a guarantee."""

    SEEN = "seen to fail"
    MISSED = "still passes"
    BROKEN = "does not run"
    """The test fails without any edit, or the edit makes it end before it checks anything."""


class Servers(StrEnum):
    """What the test of a mutation runs on; those that are alike run one after the other, the quickest kind first."""

    NONE = "no server"
    SHARED = "one server for all of them"
    THREE_NODES = "three nodes"
    NIGHTLY = "servers of the nightly tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """A sentence of docs/guarantees.md.

    Args:
        tests: ``path::test``, ``path`` of a whole file, or ``path: case`` of a YAML file.
    """

    text: str
    tests: tuple[str, ...]

    @property
    def is_built(self) -> bool:
        """Tell whether the guarantee is given, and not only meant to come."""
        return bool(self.tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """An edit that breaks a guarantee, and the test that must fail then."""

    guarantee: str
    file: str
    find: str
    replace: str
    test: str

    @property
    def servers(self) -> Servers:
        """Return what its test runs on."""
        if self.test.startswith("tests/unit/"):
            return Servers.NONE
        if self.test.startswith("tests/nightly/"):
            return Servers.NIGHTLY
        return Servers.THREE_NODES if self.test.startswith("tests/scenarios/cluster/") else Servers.SHARED

    @property
    def node(self) -> str:
        """Return the test as pytest names it."""
        path, is_case, case = self.test.partition(": ")
        if not is_case:
            return self.test
        folder, file = path.rsplit("/", 1)
        return f"{_CASE_TESTS[folder]}::test_case[{file.removesuffix('.yaml')}: {case}]"

    def edited(self, source: str) -> str:
        """Return the text of the file with the edit made.

        Raises:
            ValueError: the text that it replaces is not there exactly once.
        """
        if source.count(self.find) != 1:
            raise ValueError(
                f"{self.file} holds the text {source.count(self.find)} times that is to be replaced to break "
                f"'{self.guarantee}': {self.find!r}. Nothing was changed. Correct its entry in tests/mutations."
            )
        return source.replace(self.find, self.replace)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofResult:
    """What was seen of one mutation."""

    mutation: Mutation
    verdict: Verdict
    seconds: float
    detail: str = ""
    is_kept: bool = False
    """A former run saw it, with the same checkout."""


@dataclass(slots=True)
class SeenBefore:
    """What former runs saw to fail with the same files; written whole after each mutation.

    Args:
        checkout: the digest of the files. What was seen with others is not used.
    """

    path: Path
    checkout: str
    seen: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, checkout: str) -> SeenBefore:
        """Read what is kept; nothing where there is no such file, or it is of other files."""
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return cls(path, checkout, kept["seen"] if kept.get("checkout") == checkout else {})

    def find(self, mutation: Mutation) -> ProofResult | None:
        """Return what was seen of a mutation; None where it is to be proved."""
        seconds = self.seen.get(_digest(astuple(mutation)))
        if seconds is None:
            return None
        return ProofResult(mutation=mutation, verdict=Verdict.SEEN, seconds=seconds, is_kept=True)

    def note(self, result: ProofResult) -> None:
        """Keep a result; only what was seen to fail is, all else is proved again."""
        if result.verdict is Verdict.SEEN:
            self.seen[_digest(astuple(result.mutation))] = round(result.seconds, 1)
            self.path.parent.mkdir(exist_ok=True)
            written = self.path.with_suffix(".new")
            written.write_text(json.dumps({"checkout": self.checkout, "seen": self.seen}), encoding="utf-8")
            written.replace(self.path)


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def checkout_digest(root: Path) -> str:
    """Return a digest of a copy's files but the mutations: each of these is known by its own text."""
    paths = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return _digest(
        [
            f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for name, path in sorted(paths.items())
            if not name.startswith("tests/mutations/")
        ]
    )


def read_guarantees(text: str | None = None) -> tuple[Guarantee, ...]:
    """Return the sentences of docs/guarantees.md, in their order."""
    found = []
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8") if text is None else text
    for row in re.findall(r"^\| (.+) \|$", page, re.MULTILINE):
        what, _bar, held_by = row.rpartition(" | ")
        if set(row) <= set("-| ") or what in ("", "what"):
            continue
        tests = re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", held_by)
        for path, cases in re.findall(r'`(tests/[\w/]+\.yaml)`: ((?:"[^"]+"(?:, )?)+)', held_by):
            tests += [f"{path}: {case}" for case in re.findall(r'"([^"]+)"', cases)]
        found.append(Guarantee(text=what, tests=tuple(tests)))
    return tuple(found)


def read_mutations(folder: Path = MUTATIONS) -> tuple[Mutation, ...]:
    """Return the entries of the YAML files of a folder, by file and in their order."""
    return tuple(
        Mutation(**entry)
        for path in sorted(folder.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    )


@contextmanager
def checkout_copy() -> Iterator[Path]:
    """Make a copy of the checkout's files for the length of a block; it shares the installed packages."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="proof-") as folder:
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        for name in _SHARED:
            if (ROOT / name).exists():
                Path(folder, name).symlink_to(ROOT / name)
        yield Path(folder)


@contextmanager
def copy_environment(root: Path, *, with_server: bool) -> Iterator[Mapping[str, str]]:
    """Return the variables under which tests run on the files of a copy, and share one server.

    Raises:
        RuntimeError: Python finds other files than those of the copy.
    """
    paths = os.pathsep.join((str(root / "views"), str(root)))
    environment = {**os.environ, "PYTHONPATH": paths}
    where = subprocess.run(
        [sys.executable, "-c", "import cassandra_views, tests; print(cassandra_views.__file__)"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    if not Path(where.stdout.strip()).is_relative_to(root):
        raise RuntimeError(f"Python runs {where.stdout.strip()}, and not the copy under {root}. Nothing was proved.")
    with ExitStack() as stack:
        if with_server and choose_kind(os.environ, docker_answers) is not Kind.GIVEN:
            server = stack.enter_context(any_server(os.environ))
            with connect(server.contact_points, server.port) as cluster, cluster.connect() as session:
                name = session.execute("SELECT cluster_name FROM system.local").one()[0]
            environment |= {
                CONTACT_POINTS: ",".join(server.contact_points),
                PORT: str(server.port),
                CLUSTER_NAME: name,
            }
        yield environment


def run_tests(
    root: Path, environment: Mapping[str, str], nodes: Sequence[str], limit_seconds: float
) -> tuple[int, int, str]:
    """Run tests of a copy; return how many ran, how many of these failed, and the end of what was printed.

    Tests that were skipped, or broke before they began, count as not run.
    """
    report = root / "report.xml"
    report.unlink(missing_ok=True)
    options = ("-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=unshrunk", f"--junitxml={report}")
    command = [sys.executable, "-m", "pytest", *options, *nodes]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=limit_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return 0, 0, f"it did not end in {limit_seconds:.0f} s"
    tail = " ".join((done.stdout + done.stderr).split())[-300:]
    if not report.exists():
        return 0, 0, tail
    ran = failed = 0
    for case in ElementTree.parse(report).iter("testcase"):
        ran += case.find("error") is None and case.find("skipped") is None
        failed += case.find("failure") is not None
    return ran, failed, tail


def prove(mutations: Sequence[Mutation], root: Path, environment: Mapping[str, str]) -> Iterator[ProofResult]:
    """Yield what becomes of each mutation's test once the mutation is made in a copy; all need servers of one kind."""
    is_nightly = any(each.servers is Servers.NIGHTLY for each in mutations)
    limit_seconds = _NIGHTLY_LIMIT_SECONDS if is_nightly else _LIMIT_SECONDS
    broken: dict[str, str] = {}
    nodes = list(dict.fromkeys(each.node for each in mutations))
    ran, failed, _tail = run_tests(root, environment, nodes, limit_seconds * len(nodes))
    if failed or ran < len(nodes):
        for node in nodes:
            ran, failed, tail = run_tests(root, environment, [node], limit_seconds)
            if failed or not ran:
                broken[node] = tail
    for each in mutations:
        begun = time.monotonic()
        if each.node in broken:
            yield ProofResult(mutation=each, verdict=Verdict.BROKEN, seconds=0.0, detail=broken[each.node])
            continue
        original = root / f"{each.file}.original"
        shutil.copy2(root / each.file, original)
        try:
            path = root / each.file
            path.write_text(each.edited(path.read_text(encoding="utf-8")), encoding="utf-8")
            ran, failed, tail = run_tests(root, environment, [each.node], limit_seconds)
        finally:
            # With its former time, so that Python compiles it again.
            original.replace(root / each.file)
        verdict = Verdict.SEEN if failed else Verdict.MISSED if ran else Verdict.BROKEN
        detail = "" if verdict is Verdict.SEEN else tail
        yield ProofResult(mutation=each, verdict=verdict, seconds=time.monotonic() - begun, detail=detail)


def prove_all(mutations: Sequence[Mutation], *, again: bool) -> Iterator[ProofResult]:
    """Yield a result of each mutation: those that were seen before, then by what their tests run on.

    Args:
        again: what was seen before is proved again.
    """
    with checkout_copy() as root:
        before = SeenBefore.read(KEPT, checkout_digest(root))
        kept = [] if again else [found for each in mutations if (found := before.find(each))]
        yield from kept
        known = {id(found.mutation) for found in kept}
        for servers in Servers:
            part = [each for each in mutations if each.servers is servers and id(each) not in known]
            if not part:
                continue
            with copy_environment(root, with_server=servers not in (Servers.NONE, Servers.THREE_NODES)) as environment:
                for result in prove(part, root, environment):
                    before.note(result)
                    yield result


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove; return 0 where each mutation that was tried was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", metavar="TEXT", default="", help="guarantees, files and tests that hold this text")
    parser.add_argument("--no-server", action="store_true", help="only tests that need no server")
    parser.add_argument("--again", action="store_true", help="also what a former run proved with the same files")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    guarantees = [each.text for each in read_guarantees() if each.is_built]
    chosen = [
        each
        for each in read_mutations()
        if options.only.lower() in f"{each.guarantee} {each.file} {each.test}".lower()
        and not (options.no_server and each.servers is not Servers.NONE)
    ]
    if not chosen:
        print("No mutation matches; 'python -m tests.proof --help' says what can be given.", file=sys.stderr)
        return 2
    results = []
    for result in prove_all(chosen, again=options.again):
        results.append(result)
        if not options.json:
            _show(result, f"{len(results)}/{len(chosen)}")
    seen = {each.mutation.guarantee for each in results if each.verdict is Verdict.SEEN}
    if options.json:
        print(json.dumps(_as_json(results, guarantees), indent=2))
    else:
        share = f"{len(seen)} of {len(guarantees)} guarantees ({len(seen) / len(guarantees):.0%})"
        print(f"\n{share} have a test that was seen to fail without them.")
        for text in sorted(set(guarantees) - {each.guarantee for each in read_mutations()}):
            print(f"  no mutation yet: {text}")
        for result in results:
            if result.verdict is not Verdict.SEEN:
                print(f"  {result.verdict}: {result.mutation.test} ({result.mutation.guarantee})")
    return 0 if all(each.verdict is Verdict.SEEN for each in results) else 1


def _show(result: ProofResult, place: str) -> None:
    mutation = result.mutation
    took = "before" if result.is_kept else f"{result.seconds:.1f} s"
    print(f"{place:>7}  {result.verdict:13}  {took:>8}  {mutation.guarantee}")
    print(f"{'':34}{mutation.test}\n{'':34}{mutation.file}", flush=True)
    if result.detail:
        print(f"{'':34}{result.detail}", flush=True)


def _as_json(results: Sequence[ProofResult], guarantees: Sequence[str]) -> dict[str, object]:
    return {
        "guarantees": len(guarantees),
        "seen": len({each.mutation.guarantee for each in results if each.verdict is Verdict.SEEN}),
        "results": [
            {
                "guarantee": each.mutation.guarantee,
                "file": each.mutation.file,
                "test": each.mutation.test,
                "verdict": each.verdict,
                "seconds": round(each.seconds, 1),
                "is_kept": each.is_kept,
                "detail": each.detail,
            }
            for each in results
        ],
        "without_mutation": sorted(set(guarantees) - {each.guarantee for each in read_mutations()}),
    }


if __name__ == "__main__":
    sys.exit(main())
