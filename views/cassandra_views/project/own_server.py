"""The project's own server, started by ``views up``: where its data is, and whether it runs.

``cassandra_embedded`` is an optional extra, so it is imported inside the functions only.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cassandra_client.errors import ClusterError
from cassandra_views.project.locations import find_config

if TYPE_CHECKING:
    from cassandra_embedded import Running

_OWN_FOLDER = ".views"
_POINTER = "server-data"


def project_folder(start: Path) -> Path:
    """Return the nearest folder from ``start`` upwards that holds a views.toml, else ``start`` itself."""
    absolute = start.absolute()
    found = find_config(absolute)
    return found.parent if found else absolute


def running_server(start: Path) -> Running | None:
    """Return the server that ``views up`` registered for the project around ``start``, if it runs."""
    if find_spec("cassandra_embedded") is None or find_spec("psutil") is None:
        return None
    from cassandra_embedded import find_running

    return find_running(registered_data(start))


def find_ended_error(start: Path) -> ClusterError | None:
    """Return the error of the server that ``views up`` started for the project and that has ended by itself.

    None where it runs, was stopped by ``views down``, or never was.
    """
    if find_spec("cassandra_embedded") is None or find_spec("psutil") is None:
        return None
    from cassandra_embedded import find_ended

    data = registered_data(start)
    ended = find_ended(data)
    if ended is None:
        return None
    option = "" if data == default_data(start) else f" --data {data}"
    return ClusterError(
        f"the server that 'views up' started has ended by itself. The last lines of its log:\n{ended.last_lines}\n",
        on=", ".join(ended.addresses),
        remains=f"Its data is kept in {ended.data}",
        next=f"See its log, {ended.log}; then start it again with 'views up{option}'",
    )


def register_data(start: Path, data: Path) -> None:
    """Let the commands of the project around ``start`` find the server that runs on this data."""
    pointer = project_folder(start) / _OWN_FOLDER / _POINTER
    pointer.parent.mkdir(exist_ok=True)
    pointer.write_text(f"{data}\n", encoding="utf-8")


def registered_data(start: Path) -> Path:
    """Return the data folder of the project's last ``views up``."""
    pointer = project_folder(start) / _OWN_FOLDER / _POINTER
    try:
        return Path(pointer.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotADirectoryError):
        return default_data(start)


def default_data(start: Path) -> Path:
    """Return where the server of the project around ``start`` keeps its data unless told otherwise."""
    return project_folder(start) / _OWN_FOLDER / "cassandra"
