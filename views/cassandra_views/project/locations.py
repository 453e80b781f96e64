"""Where a project's files are; apart from the settings, since shell completion has no time for their checks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from cassandra_client.errors import ConfigurationError, Place

CONFIG_NAME = "views.toml"
FILE_SUFFIX = ".cql.j2"
DEFAULT_TEMPLATES = Path("cql_templates")


def find_config(start: Path) -> Path | None:
    """Return the nearest views.toml, from a folder upwards."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    return None


def find_templates(start: Path) -> Path:
    """Return the folder of table and view files of the project around a folder; it may be missing.

    Raises:
        ConfigurationError: views.toml cannot be read.
    """
    path = find_config(start)
    if path is None:
        return start / DEFAULT_TEMPLATES
    _text, found = read_toml(path)
    templates = found.get("templates")
    return path.parent / (templates if isinstance(templates, str) else DEFAULT_TEMPLATES)


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a views.toml, and what it says; only that it is TOML is checked.

    Raises:
        ConfigurationError: it is no TOML, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+), column (\d+)", str(error))
        place = Place(file=path.name, line=int(line[1]), column=int(line[2])) if line else Place(file=path.name)
        reason = str(error).partition(" (at")[0]
        raise ConfigurationError(f"it is not TOML: {reason}", place=place, next="Correct the file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", place=Place(file=path.name), next="Save it as UTF-8 text"
        ) from error


__all__ = ["CONFIG_NAME", "DEFAULT_TEMPLATES", "FILE_SUFFIX", "find_config", "find_templates", "read_toml"]
