"""cqlsh warns of a server only where the server may have features that cqlsh does not know."""

from __future__ import annotations

import pytest

from cassandra_views.cli.cqlsh_program import is_newer


@pytest.mark.parametrize(
    ("server", "is_told"),
    [("5.0.9", False), ("5.1.0", False), ("4.1.10", False), ("6.0-alpha1", True), ("10.0", True), ("unknown", False)],
)
def test_only_a_later_major_version_is_warned_of(server: str, is_told: bool) -> None:
    assert is_newer(server, "5.0.0") is is_told
