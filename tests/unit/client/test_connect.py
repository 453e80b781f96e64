from __future__ import annotations

import socket
from typing import Any

import pytest

from cassandra_client.connect import connected
from cassandra_client.errors import ClusterError


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label empty or too long")])
def test_names_that_lead_nowhere_are_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def resolve(*_arguments: Any, **_options: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ClusterError, match="no contact point's name leads to an address") as raised:
        connected(("one.example", "two.example")).__enter__()
    assert raised.value.on == "one.example, two.example"
