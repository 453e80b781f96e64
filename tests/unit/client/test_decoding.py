"""Results in the server's own form, decoded by a session's twin; no server sends them here."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import Any

import pytest
from cassandra import DriverException
from cassandra.cluster import Session
from cassandra.cqltypes import BytesType
from cassandra.protocol import ExecuteMessage, ProtocolHandler, ResultMessage

from cassandra_client.decoding import DRIVER_RESULT, MomentHandler, decoding_session
from cassandra_views.read.driver_values import lossless_session

TIMESTAMP = 0x000B
TOO_LATE = (10**15).to_bytes(8, "big", signed=True)


class AsBytes(DRIVER_RESULT):  # type: ignore[misc]
    def recv_results_metadata(self, file: Any, user_types: Any) -> None:
        super().recv_results_metadata(file, user_types)
        columns: list[tuple[Any, ...]] = vars(self)["column_metadata"]
        self.column_metadata = [(*column[:3], BytesType) for column in columns]


class Application(Session):  # type: ignore[misc]
    def __init__(self) -> None:
        self.name = "the application's"

    def __del__(self) -> None:
        """Nothing was opened."""

    def shout(self) -> str:
        return self.name.upper()


def text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


def answer(session: Session, *values: bytes) -> Any:
    """Let a session decode rows of one column, a timestamp."""
    body = struct.pack(">iii", 2, 1, 1) + text("shop") + text("orders") + text("at") + struct.pack(">H", TIMESTAMP)
    body += struct.pack(">i", len(values)) + b"".join(struct.pack(">i", len(each)) + each for each in values)
    found = session.client_protocol_handler.decode_message(4, {}, 0, 0, ResultMessage.opcode, body, None, None)
    return [row[0] for row in found.parsed_rows]


def test_a_session_of_another_decoding_shares_all_and_changes_nothing() -> None:
    session = Application()
    twin: Any = decoding_session(session, AsBytes)
    session.name = "renamed"
    assert (twin.shout(), isinstance(twin, Application)) == ("RENAMED", True)
    assert answer(twin, TOO_LATE) == [TOO_LATE]
    assert session.client_protocol_handler is ProtocolHandler


def test_what_is_no_session_of_the_driver_has_no_such_twin() -> None:
    assert decoding_session(object(), AsBytes) is None


def test_values_that_the_driver_cannot_hold_are_read() -> None:
    session = Application()
    with pytest.raises(DriverException):
        answer(session, TOO_LATE)
    now = (1795737600000).to_bytes(8, "big", signed=True)
    assert answer(lossless_session(session), TOO_LATE, now) == [10**15, datetime(2026, 11, 27)]  # noqa: DTZ001


def test_a_read_at_a_moment_tells_it_to_the_server() -> None:
    handler = MomentHandler(ProtocolHandler, 1_795_737_600)
    sent = ExecuteMessage(b"id", [b"\x01", None], 6, fetch_size=100, result_metadata_id=b"metadata", timestamp=7)
    plain = ProtocolHandler.encode_message(sent, 1, 5, None, False)
    timed = handler.encode_message(sent, 1, 5, None, False)
    assert (len(timed), timed[-4:]) == (len(plain) + 4, struct.pack(">i", 1_795_737_600))
    differing = [place for place, (one, other) in enumerate(zip(plain, timed[:-4], strict=True)) if one != other]
    flags = 9 + 4 + 10 + 2
    assert differing == [8, flags + 2], "the length of the message, and one flag"
    assert timed[flags + 2] == plain[flags + 2] | 1
