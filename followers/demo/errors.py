"""What can go wrong with the demo itself."""

from __future__ import annotations

from cassandra_client.errors import ViewsError


class DemoError(ViewsError):
    """Something that the demo needs is missing, or has ended."""
