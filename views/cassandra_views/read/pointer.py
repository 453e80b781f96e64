"""What serves: ``read_from`` of the registry, cached for a few seconds and kept while the registry is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from cassandra import ConsistencyLevel, Unauthorized
from cassandra.cluster import Session

from cassandra_client.driver_errors import DRIVER_ERRORS, advice, driver_text
from cassandra_client.names import quoted
from cassandra_views.model.errors import BadRead, ReadError, ViewNotFound, ViewNotReady
from cassandra_views.model.generation import Serving
from cassandra_views.model.names import ViewName, nearest
from cassandra_views.read.physical import read_rows
from cassandra_views.read.routing import Span, covered_window, sorted_spans
from cassandra_views.read.waits import Load

log = logging.getLogger("cassandra_views.read")

RENEWAL_SECONDS = 2.0
"""How long a reader that has an answer of the registry waits for the next: the old one is good for its grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What serves a view.

    Args:
        on: the name as a text, which each read needs.
        spans: the generations in the order of their times, at least one.
        window: what of time they cover together.
        serving: the names of their physical views.
        read_at: when the registry was asked, by the reader's clock.
    """

    name: ViewName
    on: str
    spans: tuple[Span, ...]
    window: tuple[datetime | None, datetime | None]
    serving: frozenset[str]
    read_at: float


@dataclass(slots=True)
class _CacheEntry:
    """The cached pointer of one view; ``due`` is when the registry is asked next."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pointer: Pointer | None = None
    name: ViewName | None = None
    due: float = 0.0
    is_unreachable: bool = False


class Renewal(Load[Pointer]):
    """The renewal of an answer that is due, claimed by one read while the others use the old answer.

    ``release`` must be called after it has run, or when it is not run. Until then ``result`` is the old answer.
    """

    __slots__ = ("_old", "release")

    def __init__(self, run: Callable[[], Pointer], old: Pointer, release: Callable[[], None]) -> None:
        super().__init__(run)
        self._old = old
        self.release = release

    def result(self) -> Pointer:
        """Return the new answer where there is one."""
        outcome = self.outcome
        return outcome.result() if outcome is not None and outcome.done() and not outcome.cancelled() else self._old


class Refresh(Load[Pointer]):
    """A look into the registry that begins after ``since``; others of the same view can join it until it has begun."""

    __slots__ = ("_has_begun", "_lock", "_since")

    def __init__(self, pointers: PointerCache, view: str, since: float) -> None:
        super().__init__(partial(pointers.refresh, view, since=self._begin), ("refresh", view))
        self._since = since
        self._has_begun = False
        self._lock = threading.Lock()

    def join(self, other: Refresh) -> bool:
        """Let this one answer another too, and tell whether it can."""
        with self._lock:
            if not self._has_begun:
                self._since = max(self._since, other._since)
            return not self._has_begun

    def _begin(self) -> float:
        with self._lock:
            self._has_begun = True
            return self._since


class PointerCache:
    """The pointers of all views that are read; safe to use from many threads."""

    def __init__(
        self,
        session: Session,
        *,
        registry: str,
        keyspace: str | None,
        cache_seconds: float,
        timeout_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._session = session
        self._registry = registry
        self._table = f"{quoted(registry)}.views"
        self._keyspace = keyspace
        self._cache_seconds = cache_seconds
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._cache: dict[str, _CacheEntry] = {}

    def find(self, view: str) -> Pointer | None:
        """Return what serves the view as far as it is known without a look into the registry that is due now."""
        cached = self._cache.get(view)
        if cached is None or not (self._clock() < cached.due or cached.lock.locked()):
            return None
        return cached.pointer

    def get(self, view: str) -> Pointer:
        """Return what serves the view, not older than the cache time where the registry can be read.

        Raises:
            ViewNotFound: the registry knows no such view.
            ViewNotReady: nothing serves it.
            ReadError: the registry cannot be read, and never could.
        """
        cached = self._cache.get(view) or self._cache_entry(view)
        pointer = cached.pointer
        if pointer is not None:
            if self._clock() < cached.due or not cached.lock.acquire(blocking=False):
                return pointer  # another thread is asking already: the old answer is good for its grace
        else:
            cached.lock.acquire()
        try:
            if cached.pointer is not None and self._clock() < cached.due:
                return cached.pointer
            return self._read(view, cached)
        finally:
            cached.lock.release()

    def claim(self, view: str) -> Pointer | Renewal | None:
        """Return what serves the view without blocking; where that is due and nobody renews it, its renewal.

        None where the registry was not asked for the view yet.
        """
        cached = self._cache.get(view)
        pointer = cached.pointer if cached is not None else None
        if cached is None or pointer is None:
            return None
        if self._clock() < cached.due or not cached.lock.acquire(blocking=False):
            return pointer
        if cached.pointer is None or self._clock() < cached.due:  # another thread has asked meanwhile
            pointer = cached.pointer
            cached.lock.release()
            return pointer
        return Renewal(partial(self._read, view, cached), cached.pointer, cached.lock.release)

    def refresh(self, view: str, *, since: Callable[[], float]) -> Pointer:
        """Return what serves the view by a look into the registry that began after ``since``.

        Args:
            since: called when no other look at this view is under way any more.

        Raises:
            ReadError: the registry cannot be read; or as ``get``.
        """
        cached = self._cache_entry(view)  # a new one, where another thread has met an unknown view meanwhile
        with cached.lock:
            begun_after = since()
            if cached.pointer is not None and cached.pointer.read_at > begun_after:
                return cached.pointer  # another thread has asked meanwhile
            pointer = self._read(view, cached)
            if cached.is_unreachable:
                raise self._unreachable_error(view, "what serves now is not known")
            return pointer

    def _cache_entry(self, view: str) -> _CacheEntry:
        return self._cache.get(view) or self._cache.setdefault(view, _CacheEntry())

    def _read(self, view: str, cached: _CacheEntry) -> Pointer:
        began = self._clock()
        cached.due = began + self._cache_seconds
        try:
            name, entries = self._query_registry(view, cached)
        except (*DRIVER_ERRORS, KeyError, ValueError) as error:
            text = driver_text(error) if isinstance(error, DRIVER_ERRORS) else f"it holds what is not known: {error!r}"
            if cached.pointer is None:
                raise self._unreachable_error(view, text, error) from error
            # From now on: the look may have taken as long as an answer is used.
            cached.due = self._clock() + self._cache_seconds
            if not cached.is_unreachable:
                cached.is_unreachable = True
                log.warning(
                    "%s: the registry %s cannot be read, its last answer is kept: %s", view, self._registry, text
                )
            return cached.pointer
        except (ViewNotFound, BadRead):
            # Names that clients make up would fill the memory. Threads that hold this entry go on without it.
            if self._cache.get(view) is cached:
                del self._cache[view]
            cached.pointer = None
            raise
        except ViewNotReady:
            cached.pointer = None
            raise
        if cached.is_unreachable:
            cached.is_unreachable = False
            log.info("%s: the registry %s can be read again", view, self._registry)
        cached.name = name
        old = cached.pointer
        if old is not None and tuple(span.entry for span in old.spans) == entries:
            spans = old.spans
        else:
            spans = sorted_spans(entries)
        cached.pointer = Pointer(
            name=name,
            on=str(name),
            spans=spans,
            window=covered_window(spans),
            serving=frozenset(span.entry.name for span in spans),
            read_at=began,
        )
        return cached.pointer

    def _unreachable_error(self, view: str, text: str, error: Exception | None = None) -> ReadError:
        next = "Check that its nodes are up and that the reader is given the right 'registry', then read again"
        if isinstance(error, Unauthorized):
            next = advice(error, again="read again")
        return ReadError(f"the registry '{self._registry}' cannot be read: {text}", on=view, next=next)

    def _query_registry(self, view: str, cached: _CacheEntry) -> tuple[ViewName, tuple[Serving, ...]]:
        seconds = self._timeout_seconds if cached.pointer is None else min(self._timeout_seconds, RENEWAL_SECONDS)
        for name in self._possible_names(view, cached):
            found = read_rows(
                self._session,
                f"SELECT DISTINCT keyspace_name, view_name, read_from FROM {self._table} "
                "WHERE keyspace_name = %s AND view_name = %s",
                (name.keyspace, name.view),
                consistency=ConsistencyLevel.LOCAL_QUORUM,
                timeout_seconds=seconds,
            )
            if found:
                if not found[0]["read_from"]:
                    self._refuse_renamed(name, seconds)
                return name, self._entries(name, found[0]["read_from"])
        return self._find_by_view_name(view)

    def _refuse_renamed(self, name: ViewName, seconds: float) -> None:
        """Refuse a name that a view had before and that was given up; a registry of before renames knows of none.

        Raises:
            ViewNotFound: names the view.
        """
        query = f"SELECT DISTINCT renamed_to FROM {self._table} WHERE keyspace_name = %s AND view_name = %s"
        values, level = (name.keyspace, name.view), ConsistencyLevel.LOCAL_QUORUM
        with suppress(*DRIVER_ERRORS):
            found = read_rows(self._session, query, values, consistency=level, timeout_seconds=seconds)
            renamed_to = found[0]["renamed_to"] if found else None
            if renamed_to:
                raise ViewNotFound(
                    f"it was renamed to {name.keyspace}.{renamed_to}, and nothing is served under this name any longer",
                    on=str(name),
                    next=f"Read {name.keyspace}.{renamed_to}",
                )

    def _possible_names(self, view: str, cached: _CacheEntry) -> list[ViewName]:
        if cached.name is not None:
            return [cached.name]
        keyspace, dot, name = view.rpartition(".")
        if not name or (dot and not keyspace):
            raise BadRead(f"{view!r} names no view", on=repr(view), next="Write 'view' or 'keyspace.view'")
        known = keyspace or self._keyspace or self._session.keyspace
        return [ViewName(keyspace=known, view=name)] if known else []

    def _find_by_view_name(self, view: str) -> tuple[ViewName, tuple[Serving, ...]]:
        """Find a view by its name alone, which is unique in a registry; or the nearest name there is."""
        keyspace, _dot, name = view.rpartition(".")
        rows = read_rows(
            self._session,
            f"SELECT DISTINCT keyspace_name, view_name, read_from FROM {self._table}",
            (),
            consistency=ConsistencyLevel.LOCAL_QUORUM,
            timeout_seconds=self._timeout_seconds,
        )
        if not keyspace and not self._keyspace:
            same = [row for row in rows if row["view_name"] == name]
            same = [row for row in same if row["read_from"]] or same  # dropped views stay in the registry
            if len(same) > 1:
                known = ", ".join(sorted(f"{row['keyspace_name']}.{name}" for row in same))
                raise BadRead(f"'{name}' names several views: {known}", on=name, next="Write 'keyspace.view'")
            if same:
                found = ViewName(keyspace=same[0]["keyspace_name"], view=name)
                return found, self._entries(found, same[0]["read_from"])
        full = [f"{row['keyspace_name']}.{row['view_name']}" for row in rows]
        hint = nearest(view, full if keyspace else [row["view_name"] for row in rows])
        where = f" in keyspace '{self._keyspace}'" if self._keyspace and not keyspace else ""
        raise ViewNotFound(
            f"the registry '{self._registry}' knows no view '{view}'{where}{hint}",
            on=view,
            next="See 'views status' for the views there are" if rows else "Create it with 'views apply'",
        )

    def _entries(self, name: ViewName, read_from: list[dict[str, str]] | None) -> tuple[Serving, ...]:
        if not read_from:
            raise ViewNotReady(
                "nothing serves this view: it is not built yet, or was retired",
                on=str(name),
                next="See 'views explain' for this view; read again when it serves",
            )
        return tuple(Serving.from_map(dict(each)) for each in read_from)
