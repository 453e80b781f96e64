"""Views as applications write them, from ``applications.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A view of an application, and what a server says of it.

    Args:
        refused: which text is refused, ``schema`` or ``view``; empty where the view is made.
        server: the server's words, None where nobody foretells them.
        harm: the code that tells how the view harms the server.
    """

    name: str
    schema: str
    view: str
    refused: str
    server: str | None
    harm: str


def read_applications(keyspace: str) -> list[Application]:
    """Return all of them, in a keyspace of this name and one of the name with ``_2`` behind it."""
    text = (Path(__file__).parent / "applications.yaml").read_text(encoding="utf-8").replace("KS", keyspace)
    return [
        Application(
            name=view["name"],
            schema=group["schema"],
            view=view["view"],
            refused=view.get("refused", ""),
            server=view.get("server"),
            harm=view.get("harm", ""),
        )
        for group in yaml.safe_load(text)
        for view in group["views"]
    ]
