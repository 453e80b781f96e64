"""What a read of a view by its logical name does, whatever physical view serves it, and however it is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from cassandra import (
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    ReadFailure,
    Timeout,
    Unauthorized,
    Unavailable,
)
from cassandra.cluster import EXEC_PROFILE_DEFAULT, NoHostAvailable, Session
from cassandra.protocol import ErrorMessage

from cassandra_client.driver_errors import (
    DRIVER_ERRORS,
    advice,
    driver_text,
    errors_of,
    has_too_many_tombstones,
    is_undecodable,
    is_unknown_table,
)
from cassandra_views.model.errors import BadRead, ReadError, UnreadableData
from cassandra_views.read.physical import MissingView, PhysicalViewCache
from cassandra_views.read.pointer import Pointer, PointerCache, Refresh
from cassandra_views.read.result import Result, ViewDescription
from cassandra_views.read.view_read import ViewRead
from cassandra_views.read.waits import Load, ReadSteps, loaded

_LARGEST_LIMIT = 2**31 - 2

_FAILURES = (*DRIVER_ERRORS, MissingView)


class ReaderLogic:
    """What both readers do; each way to wait has one of its own that carries these reads out.

    Args:
        session: the application's own session; its row factory and execution profile are used.
        registry: the registry's keyspace.
        keyspace: where views named without one are looked for; without it the session's keyspace,
            then the whole registry.
        cache_seconds: how long an answer of the registry is used. A view's grace must be at least twice this.
        consistency: of the reads of views; the registry is always read at LOCAL_QUORUM.
        clock: seconds that only grow.
        timeout_seconds: of each request to the server.
        execution_profile: the session's profile for the reads of views, with its row factory; else the default one.
    """

    def __init__(
        self,
        session: Session,
        *,
        registry: str = "views_registry",
        keyspace: str | None = None,
        cache_seconds: float = 5.0,
        consistency: int = ConsistencyLevel.LOCAL_QUORUM,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: float = 10.0,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
    ) -> None:
        self._clock = clock
        self._described: dict[str, tuple[Pointer, ViewDescription]] = {}
        self._views = PhysicalViewCache(
            session,
            consistency=consistency,
            timeout_seconds=timeout_seconds,
            execution_profile=execution_profile,
        )
        self._pointers = PointerCache(
            session,
            registry=registry,
            keyspace=keyspace,
            cache_seconds=cache_seconds,
            timeout_seconds=timeout_seconds,
            clock=clock,
        )

    def _select(
        self,
        view: str,
        where: Mapping[str, Any] | None,
        limit: int | None,
        page: str | None,
        reverse: bool,
        columns: dict[str, Any],
    ) -> ReadSteps[Result]:
        """Read rows of a view; as ``ViewReader.select``."""
        conditions = _merge_conditions(view, where, columns)
        if limit is not None:
            _check_limit(view, limit)
        pointer = self._pointers.find(view) or (yield from self._pointer(view))
        read = ViewRead(self._views, pointer, conditions, limit, page, reverse, self._clock)
        try:
            return (yield from read.run())
        except _FAILURES as error:
            return (yield from self._retry(view, read, error))

    def _describe(self, view: str) -> ReadSteps[ViewDescription]:
        """Return what a view is; as ``ViewReader.describe``."""
        if not isinstance(view, str):
            raise _invalid_name(view)
        pointer = self._pointers.find(view) or (yield from self._pointer(view))
        name = pointer.spans[-1].entry.name
        try:
            return (yield from self._description(pointer, name))
        except _FAILURES as error:
            self._views.forget(pointer.on, name)
            pointer = yield from self._refreshed_pointer(view)
            name = pointer.spans[-1].entry.name
            try:
                return (yield from self._description(pointer, name))
            except _FAILURES as second:
                raise read_error(second, on=f"{pointer.on} ({name})", view=pointer.on) from error

    def _pointer(self, view: str) -> ReadSteps[Pointer]:
        return loaded(Load(partial(self._pointers.get, view), view))

    def _refreshed_pointer(self, view: str) -> ReadSteps[Pointer]:
        return loaded(Refresh(self._pointers, view, self._clock()))

    def _description(self, pointer: Pointer, name: str) -> ReadSteps[ViewDescription]:
        known = self._described.get(pointer.on)
        if known is not None and known[0] is pointer:
            return known[1]
        view = self._views.find(pointer.on, name) or (
            yield from loaded(self._views.load(pointer.name.keyspace, pointer.on, name, pointer.serving))
        )
        description = ViewDescription.of(pointer, view)
        self._described[pointer.on] = pointer, description
        return description

    def _retry(self, view: str, failed: ViewRead, error: Exception) -> ReadSteps[Result]:
        """Read once more if what failed serves no longer, or has other columns; else raise the error."""
        self._views.forget(failed.pointer.on, failed.physical_name)
        if is_column_unknown(error):
            return (yield from self._read_again(failed.with_pointer(failed.pointer)))
        if not may_be_dropped(error):
            raise _read_error(error, failed) from error
        try:
            pointer = yield from self._refreshed_pointer(view)
        except ReadError as unknown:
            if type(unknown) is ReadError:  # the registry cannot be read either: the first error says more
                raise _read_error(error, failed) from error
            raise
        if failed.physical_name in pointer.serving:
            raise _read_error(error, failed) from error
        return (yield from self._read_again(failed.with_pointer(pointer)))

    @staticmethod
    def _read_again(read: ViewRead) -> ReadSteps[Result]:
        try:
            return replace((yield from read.run()), is_retried=True)
        except _FAILURES as error:
            raise _read_error(error, read) from error


def _read_error(error: Exception, read: ViewRead) -> ReadError:
    return read_error(error, on=read.on, view=read.pointer.on)


def _invalid_name(view: object) -> BadRead:
    return BadRead(f"{view!r} names no view", on=repr(view), next="Write 'view' or 'keyspace.view'")


def _merge_conditions(view: str, where: Mapping[str, Any] | None, columns: dict[str, Any]) -> Mapping[str, Any]:
    if not isinstance(view, str):
        raise _invalid_name(view)
    if where is None:
        return columns
    if not isinstance(where, Mapping):
        raise BadRead(f"'where' is a {type(where).__name__}", on=view, next="Give a mapping such as {'total >=': 1000}")
    both = where.keys() & columns.keys()
    if both:
        raise BadRead(
            f"{', '.join(sorted(map(repr, both)))} is given twice, in 'where' and by name", on=view, next="Give it once"
        )
    return {**where, **columns}


def _check_limit(view: str, limit: object) -> None:
    if type(limit) is not int or not 0 < limit <= _LARGEST_LIMIT:
        raise BadRead(
            f"the limit {limit!r} is no whole number from 1 on", on=view, next="Give 1 or more, or None for all rows"
        )


def may_be_dropped(error: Exception) -> bool:
    """Tell whether the error may come of a view that is gone, so that the pointer is worth reading again."""
    return is_unknown_table(error) or isinstance(error, MissingView | NoHostAvailable | ReadFailure | ErrorMessage)


def is_column_unknown(error: Exception) -> bool:
    """Tell whether the server misses a column that a statement names: it was renamed since the view was looked at."""
    return isinstance(error, InvalidRequest) and "Undefined column name" in str(error)


def read_error(error: Exception, *, on: str, view: str) -> ReadError:
    """Return our error for one of the driver's.

    Args:
        on: the view and the physical view, for people.
        view: the view alone, for the commands that are named.
    """
    if isinstance(error, MissingView):
        return ReadError(
            "the registry says that it serves, and the server has no such view",
            on=on,
            next="See 'views explain' for this view",
        )
    if any(has_too_many_tombstones(each) or is_undecodable(each) for each in errors_of(error)):
        return UnreadableData(f"the read failed: {driver_text(error)}", on=on, next=advice(error, view=view))
    if isinstance(error, InvalidRequest) and not is_unknown_table(error):
        return BadRead(f"the server refuses the read: {driver_text(error)}", on=on, next="Change the read's conditions")
    if isinstance(error, Unauthorized):
        next_step = advice(error, again="read again")
    elif isinstance(error, Unavailable | Timeout | OperationTimedOut):
        next_step = "Read again, with a longer timeout_seconds or a smaller limit; check that the nodes are up"
    else:
        next_step = "Read again; check that the nodes are up"
    return ReadError(f"the read failed: {driver_text(error)}", on=on, next=next_step)
