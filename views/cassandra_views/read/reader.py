"""The reader for threads: one call that reads a view by its logical name, whatever physical view serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cassandra_views.model.arguments import checked_arguments
from cassandra_views.read.reader_logic import ReaderLogic
from cassandra_views.read.result import Result, ViewDescription
from cassandra_views.read.waits import run_blocking


@checked_arguments("__init__")
class ViewReader(ReaderLogic):
    """Reads views by their logical names; make one for each session and share it between threads.

    Its arguments are those of ``ReaderLogic``.
    """

    def select(
        self,
        view: str,
        /,
        where: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        page: str | None = None,
        reverse: bool = False,
        **columns: Any,
    ) -> Result:
        """Read rows of a view.

        A value that is a list, tuple or set means IN. Partitions asked for by IN come one after another
        in the given order (sets in the order of their bytes); inside a partition rows come in the view's order,
        or against it.

        Args:
            view: its name, or ``keyspace.name``.
            where: conditions by ``"column"`` or ``"column op"``, op one of = < <= > >= IN.
            limit: how many rows at most; None for all.
            page: ``next_page`` of the result before, with the same view and conditions.
            reverse: whether the rows of each partition come in the order against the view's.
            columns: equalities (or IN) by column.

        Raises:
            ViewNotFound: the registry knows no such view.
            ViewNotReady: nothing that serves covers the time that is asked for.
            BadRead: the read itself is wrong.
            UnreadableData: the rows cannot be read as they stand, however often it is tried.
            ReadError: the server could not answer.
        """
        return run_blocking(self._select(view, where, limit, page, reverse, columns))

    def describe(self, view: str) -> ViewDescription:
        """Return the view's columns, key and window, as what serves has them.

        Raises:
            ViewNotFound: the registry knows no such view.
            ViewNotReady: nothing serves it.
            ReadError: the server could not answer.
        """
        return run_blocking(self._describe(view))
