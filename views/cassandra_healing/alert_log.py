"""Which alerts this process has raised, as the journal that all share may be away. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime


class AlertLog:
    """Tells new alerts from those that were raised before, without the journal."""

    def __init__(self) -> None:
        self._standing: dict[Hashable, datetime] = {}

    def is_new(self, key: Hashable, *, since: datetime, at: datetime) -> bool:
        """Tell whether an alert was not raised yet for this trouble; note that it stands.

        Args:
            key: what the alert is about.
            since: when this trouble began.
            at: when it was checked.
        """
        # A clock that was set back would otherwise hide the next trouble.
        self._standing = {each: moment for each, moment in self._standing.items() if moment <= at}
        before = self._standing.get(key)
        self._standing[key] = at
        return before is None or before < since
