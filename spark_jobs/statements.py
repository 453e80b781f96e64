"""Many small statements at once, a bounded number under way: what the jobs ask of Cassandra themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from cassandra import ConsistencyLevel, RequestValidationException
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import BatchStatement, BatchType, Statement

from cassandra_client.driver_errors import DRIVER_ERRORS, explained

_UNDER_WAY = 16
"""Requests under way: enough to keep a small cluster busy, few enough that none waits for its time-out."""

_ROUND = 1024
"""Requests whose answers are held at once."""

_BATCH_ROWS = 50
"""Rows of one batch: the server warns of batches over 5 KiB."""

_PAUSES_SECONDS = (0.5, 2.0)
"""Waits before what failed is tried again: a small server that builds views lets requests time out."""

_REMAINS = "What was written before stays, and the ledger says which intervals are not finished"


class PreparedReads:
    """One SELECT with many values, at LOCAL_QUORUM.

    Raises:
        ClusterError: the server refuses it.
    """

    def __init__(self, session: Session, query: str, *, on: str) -> None:
        self._session = session
        self._on = on
        with explained("a read could not be prepared", on=on):
            self._prepared = session.prepare(query)
        self._prepared.consistency_level = ConsistencyLevel.LOCAL_QUORUM
        self._prepared.is_idempotent = True

    def rows(self, values: Iterable[Sequence[Any]]) -> Iterator[Any]:
        """Yield the rows of all of them as named tuples.

        Raises:
            ClusterError: one of them failed again and again.
        """
        left = iter(values)
        while some := list(islice(left, _ROUND)):
            with explained("a read failed", on=self._on, remains=_REMAINS):
                found = [row for answer in _answers(self._session, self._prepared, some) for row in answer]
            yield from found


class PreparedWrites:
    """One INSERT with many values, at LOCAL_QUORUM; rows of one partition go together, as one mutation."""

    def __init__(self, session: Session, query: str, *, on: str) -> None:
        self._session = session
        self._on = on
        with explained("a write could not be prepared", on=on):
            self._prepared = session.prepare(query)
        self._prepared.consistency_level = ConsistencyLevel.LOCAL_QUORUM
        self._prepared.is_idempotent = True

    def write(self, partitions: Iterable[Sequence[Sequence[Any]]]) -> None:
        """Write the rows of each partition; when it returns all are written.

        Raises:
            ClusterError: one of them failed again and again; others may be written.
        """
        batches = (
            self._statement(rows[first : first + _BATCH_ROWS])
            for rows in partitions
            for first in range(0, len(rows), _BATCH_ROWS)
        )
        while some := list(islice(batches, _ROUND)):
            with explained("a write failed", on=self._on, remains=_REMAINS):
                _answers(self._session, None, some)

    def _statement(self, rows: Sequence[Sequence[Any]]) -> Statement:
        if len(rows) == 1:
            return self._prepared.bind(rows[0])
        batch = BatchStatement(batch_type=BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        for row in rows:
            batch.add(self._prepared, row)
        batch.is_idempotent = True
        return batch


def _answers(session: Session, prepared: Any, each: Sequence[Any]) -> list[Any]:
    """Return the answers to all of them, in no order. Errors of the driver come through."""
    requests = [(prepared, values) if prepared is not None else (values, None) for values in each]
    answers: list[Any] = []
    for pause in (*_PAUSES_SECONDS, None):
        found = execute_concurrent(session, requests, concurrency=_UNDER_WAY, raise_on_first_error=False)
        answers += [answer for is_done, answer in found if is_done]
        failed = [answer for is_done, answer in found if not is_done]
        if not failed:
            break
        if pause is None or any(_is_final(error) for error in failed):
            raise failed[0]
        requests = [request for request, (is_done, _) in zip(requests, found, strict=True) if not is_done]
        time.sleep(pause)
    return answers


def _is_final(error: Exception) -> bool:
    return isinstance(error, RequestValidationException) or not isinstance(error, DRIVER_ERRORS)
