"""Which server the tests run on, and the strict mode of CI."""

from __future__ import annotations

import pytest

from tests.paths import ROOT
from tests.servers import CLUSTER_NAME, CONTACT_POINTS, Kind, check_name, choose_kind


def refuse_to_be_asked() -> bool:
    raise AssertionError("Docker was asked although a cluster is given")


@pytest.mark.parametrize(
    ("environ", "docker", "expected"),
    [
        ({}, False, Kind.EMBEDDED),
        ({}, True, Kind.TESTCONTAINERS),
        ({CONTACT_POINTS: " "}, False, Kind.EMBEDDED),
        ({CLUSTER_NAME: "ci"}, True, Kind.TESTCONTAINERS),
    ],
)
def test_choice_without_a_given_cluster(environ: dict[str, str], docker: bool, expected: Kind) -> None:
    assert choose_kind(environ, lambda: docker) is expected


def test_a_given_cluster_comes_first() -> None:
    given = {CONTACT_POINTS: "10.0.0.1", CLUSTER_NAME: "ci"}
    assert choose_kind(given, refuse_to_be_asked) is Kind.GIVEN


def test_a_given_cluster_without_its_name_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{CONTACT_POINTS} is set without {CLUSTER_NAME}"):
        choose_kind({CONTACT_POINTS: "10.0.0.1"}, refuse_to_be_asked)


def test_a_given_cluster_of_another_name_is_refused() -> None:
    check_name("ci", "ci")
    with pytest.raises(ValueError, match="is named 'prod'"):
        check_name("prod", "ci")


SKIPPING = """
import pytest

def test_skipped():
    pytest.skip("no browser")

@pytest.mark.xfail(strict=True)
def test_expected():
    assert False
"""
SKIPPING_MODULE = """
import pytest
pytest.importorskip("no_such_module_here")
"""


@pytest.mark.parametrize("strict", ["0", "1"])
def test_a_skip_fails_in_strict_mode(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, strict: str) -> None:
    monkeypatch.setenv("CASSANDRA_VIEWS_STRICT", strict)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # to import them all takes half of the test's time
    root = ROOT
    monkeypatch.setenv("PYTHONPATH", str(root))
    pytester.makeconftest((root / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_one=SKIPPING, test_two=SKIPPING_MODULE)
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider").parseoutcomes()
    if strict == "1":
        assert outcome == {"errors": 1}
    else:
        assert outcome == {"skipped": 2, "xfailed": 1}
