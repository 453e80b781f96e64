"""Proves that the tests of docs/guarantees.md hold what it says: each must fail once its guarantee is broken.

    python -m tests.proof [--only TEXT] [--no-server] [--json]

Each entry of tests/mutations/*.yaml breaks one guarantee by one edit of the source. It is made in a copy of the
checkout, where the named test must then fail; before any edit all of these tests must pass there.
"""

from __future__ import annotations

import argparse
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
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

import yaml

from tests.paths import ROOT
from tests.servers import CLUSTER_NAME, CONTACT_POINTS, PORT, Kind, any_server, choose_kind, connect, docker_answers

MUTATIONS = ROOT / "tests" / "mutations"
_LIMIT_SECONDS = 600.0
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
    def needs_server(self) -> bool:
        """Tell whether its test runs on a real server."""
        return not self.test.startswith("tests/unit/")

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


def run_tests(root: Path, environment: Mapping[str, str], nodes: Sequence[str]) -> tuple[int, int, str]:
    """Run tests of a copy; return how many ran, how many of these failed, and the end of what was printed.

    Tests that were skipped, or broke before they began, count as not run.
    """
    report = root / "report.xml"
    report.unlink(missing_ok=True)
    options = ("-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=unshrunk", f"--junitxml={report}")
    command = [sys.executable, "-m", "pytest", *options, *nodes]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return 0, 0, f"it did not end in {_LIMIT_SECONDS:.0f} s"
    tail = " ".join((done.stdout + done.stderr).split())[-300:]
    if not report.exists():
        return 0, 0, tail
    ran = failed = 0
    for case in ElementTree.parse(report).iter("testcase"):
        ran += case.find("error") is None and case.find("skipped") is None
        failed += case.find("failure") is not None
    return ran, failed, tail


def prove(mutations: Sequence[Mutation], root: Path, environment: Mapping[str, str]) -> Iterator[ProofResult]:
    """Yield what becomes of each mutation's test once the mutation is made in a copy."""
    broken: dict[str, str] = {}
    nodes = list(dict.fromkeys(each.node for each in mutations))
    ran, failed, _tail = run_tests(root, environment, nodes)
    if failed or ran < len(nodes):
        for node in nodes:
            ran, failed, tail = run_tests(root, environment, [node])
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
            ran, failed, tail = run_tests(root, environment, [each.node])
        finally:
            # With its former time, so that Python compiles it again.
            original.replace(root / each.file)
        verdict = Verdict.SEEN if failed else Verdict.MISSED if ran else Verdict.BROKEN
        detail = "" if verdict is Verdict.SEEN else tail
        yield ProofResult(mutation=each, verdict=verdict, seconds=time.monotonic() - begun, detail=detail)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove; return 0 where each mutation that was tried was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", metavar="TEXT", default="", help="guarantees, files and tests that hold this text")
    parser.add_argument("--no-server", action="store_true", help="only tests that need no server")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    guarantees = [each.text for each in read_guarantees() if each.is_built]
    chosen = [
        each
        for each in read_mutations()
        if options.only.lower() in f"{each.guarantee} {each.file} {each.test}".lower()
        and not (options.no_server and each.needs_server)
    ]
    if not chosen:
        print("No mutation matches; 'python -m tests.proof --help' says what can be given.", file=sys.stderr)
        return 2
    # Those without a server first: they tell soon.
    chosen.sort(key=lambda each: each.needs_server)
    results = []
    with checkout_copy() as root:
        for needs_server in (False, True):
            part = [each for each in chosen if each.needs_server is needs_server]
            if not part:
                continue
            with copy_environment(root, with_server=needs_server) as environment:
                for result in prove(part, root, environment):
                    results.append(result)
                    if not options.json:
                        _show(result)
    seen = {each.mutation.guarantee for each in results if each.verdict is Verdict.SEEN}
    if options.json:
        print(json.dumps(_as_json(results, guarantees), indent=2))
    else:
        share = f"{len(seen)} of {len(guarantees)} guarantees ({len(seen) / len(guarantees):.0%})"
        print(f"\n{share} have a test that was seen to fail without them.")
        for text in sorted(set(guarantees) - {each.guarantee for each in read_mutations()}):
            print(f"  no mutation yet: {text}")
    return 0 if all(each.verdict is Verdict.SEEN for each in results) else 1


def _show(result: ProofResult) -> None:
    mutation = result.mutation
    print(f"{result.verdict:13}  {result.seconds:5.1f} s  {mutation.guarantee}")
    print(f"{'':24}{mutation.test}\n{'':24}{mutation.file}", flush=True)
    if result.detail:
        print(f"{'':24}{result.detail}", flush=True)


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
                "detail": each.detail,
            }
            for each in results
        ],
        "without_mutation": sorted(set(guarantees) - {each.guarantee for each in read_mutations()}),
    }


if __name__ == "__main__":
    sys.exit(main())
