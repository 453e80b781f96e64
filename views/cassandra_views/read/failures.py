"""What an error of a read means: a view that is dropped meanwhile gives many, and none says so plainly.

Seen on 4.1, 5.0 and 6.0-alpha2 for up to a second around a DROP (and by ``prepare`` as by ``execute``):
``NoHostAvailable`` around code 0000 (a NullPointerException, then ``Unknown CF``) and now and then around
nothing, ``ReadFailure``, then ``InvalidRequest`` "table X does not exist" ("unconfigured table" before).
"""

from __future__ import annotations

from cassandra import InvalidRequest, OperationTimedOut, ReadFailure, Timeout, Unavailable
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import ErrorMessage

from cassandra_client.driver_errors import (
    advice,
    driver_text,
    errors_of,
    has_too_many_tombstones,
    is_undecodable,
    is_unknown_table,
)
from cassandra_views.model.errors import BadRead, ReadError, UnreadableData
from cassandra_views.read.physical import MissingView


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
            next="See 'views why' for this view",
        )
    if any(has_too_many_tombstones(each) or is_undecodable(each) for each in errors_of(error)):
        return UnreadableData(f"the read failed: {driver_text(error)}", on=on, next=advice(error, view=view))
    if isinstance(error, InvalidRequest) and not is_unknown_table(error):
        return BadRead(f"the server refuses the read: {driver_text(error)}", on=on, next="Change the read's conditions")
    if isinstance(error, Unavailable | Timeout | OperationTimedOut):
        next_step = "Read again, with a longer timeout_seconds or a smaller limit; see that the nodes are up"
    else:
        next_step = "Read again; see that the nodes are up"
    return ReadError(f"the read failed: {driver_text(error)}", on=on, next=next_step)
