"""``python -m benchmarks.suite``: how long ``make test`` takes and where, into docs/benchmarks-suite.md.

Not part of ``make bench``: it takes as long as the tests.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from benchmarks.machine import machine_facts
from benchmarks.page import ROOT, Page, run
from benchmarks.report import Details, Figure, Section, Verdict, judged

LIMIT_SECONDS = 25 * 60
LONGEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TestTime:
    """How long one test took, with its fixtures.

    Args:
        module: its dotted path, below the checkout.
    """

    module: str
    name: str
    seconds: float
    is_passed: bool

    @property
    def folder(self) -> str:
        """Return the folder of ``tests`` that it lies in, two levels deep."""
        return "/".join(self.module.split(".")[1:3])


def main(out: Annotated[Path | None, typer.Option(help="Write the page here.")] = None) -> None:
    """Run ``make test`` and tell what took how long; about half an hour."""
    page = Page("benchmarks.suite", "benchmarks-suite.md", "How long the tests take", is_quick=False, out=out)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        options = f"{os.environ.get('PYTEST_ADDOPTS', '')} --junitxml={results}"
        page.tell("make test")
        began = monotonic()
        done = subprocess.run(["make", "test"], cwd=ROOT, env=os.environ | {"PYTEST_ADDOPTS": options}, check=False)
        seconds = monotonic() - began
        if not results.is_file():
            raise RuntimeError(f"make test ended with {done.returncode} before its tests were over")
        page.finish([section(read_times(results), seconds)], machine_facts(""))


def read_times(results: Path) -> list[TestTime]:
    """Return the time of each test, from a file of results in the form of JUnit."""
    return [
        TestTime(
            module=case.attrib["classname"],
            name=case.attrib["name"],
            seconds=float(case.attrib["time"]),
            is_passed=not any(child.tag in ("failure", "error", "skipped") for child in case),
        )
        for case in ElementTree.parse(results).iter("testcase")
    ]


def section(tests: Sequence[TestTime], seconds: float) -> Section:
    """Return what was found.

    Args:
        seconds: of the whole command, with linters and types.
    """
    passed = sum(test.is_passed for test in tests)
    total = sum(test.seconds for test in tests)
    by_folder: defaultdict[str, float] = defaultdict(float)
    for test in tests:
        by_folder[test.folder] += test.seconds
    folders = sorted(by_folder.items(), key=lambda each: each[1], reverse=True)
    longest = sorted(tests, key=lambda test: test.seconds, reverse=True)[:LONGEST]
    return Section(
        title="The tests",
        figures=(
            Figure(
                name="`make test`, everything installed",
                measured=f"{seconds / 60:.1f} min",
                reference=f"{len(tests):,} tests, {total / 60:.0f} min one after the other",
                target=f"<= {LIMIT_SECONDS // 60} min",
                verdict=judged(seconds <= LIMIT_SECONDS),
            ),
            Figure(
                name="tests that passed",
                measured=f"{passed:,}",
                reference=f"of {len(tests):,}",
                target="all",
                verdict=judged(passed == len(tests)),
            ),
            Figure(
                name=f"the {LONGEST} longest tests",
                measured=f"{sum(test.seconds for test in longest) / total:.0%}",
                reference="of the time of all",
                target="",
                verdict=Verdict.SHOWN,
            ),
        ),
        how="`make test` with its linters and type checks, as anyone runs it; the time of a test is that of its "
        "fixtures too, so the first test that asks for a server pays for its start.",
        details=(
            Details(title="Folders", head=("folder", "seconds"), rows=_rows(folders)),
            Details(
                title="The longest tests",
                head=("test", "seconds"),
                rows=_rows((f"{test.module.removeprefix('tests.')}: {test.name}", test.seconds) for test in longest),
            ),
        ),
    )


def _rows(found: Iterable[tuple[str, float]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, f"{seconds:.0f}") for name, seconds in found if seconds >= 1)


if __name__ == "__main__":
    run(main)
