"""How reads are tried again; all else is sent once (``FallthroughRetryPolicy``)."""

from __future__ import annotations

from typing import Any

from cassandra.policies import RetryPolicy


class ReadRetry(RetryPolicy):  # type: ignore[misc]
    """Asks once more where replicas did not answer: one that has just died is not asked the next time."""

    def on_read_timeout(self, *args: Any, retry_num: int, **options: Any) -> Any:
        """Ask again, twice at most."""
        return (self.RETRY_NEXT_HOST, None) if retry_num < 2 else (self.RETHROW, None)
