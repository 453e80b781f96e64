"""The command behind ``terraform/local/node.sh``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cassandra_embedded.errors import EmbeddedError
from local_cluster.local_node import LocalNode
from local_cluster.node_record import NodeError, NodeFolder, Purpose, find_name

_OWN = {"name", "kind", "run", "address"}


def main(arguments: list[str] | None = None) -> int:
    """Do one verb with one node; exit code 0 done, 1 not done (it says why), 2 wrongly called."""
    chosen = _parser().parse_args(arguments)
    given: dict[str, Any] = json.loads(os.environ.get("NODE") or "{}")
    name, run = chosen.name or given.get("name"), chosen.run or given.get("run")
    if not name or not run:
        print("Which node? Give its name and --run DIR. Nothing was done.", file=sys.stderr)
        return 2
    name = find_name(Path(run), name)
    report_progress = _ProgressLog(NodeFolder(Path(run), name), is_quiet=chosen.verb == "status")
    local_node = LocalNode(Path(run), name, report_progress)
    try:
        match chosen.verb:
            case "start":
                _start(local_node, Path(run), name, given)
            case "restart":
                local_node.restart()
            case "stop":
                local_node.stop()
            case "fence":
                local_node.fence(Purpose.END if chosen.end else Purpose.REPLACE, chosen.why or "by hand")
            case "terminate":
                local_node.terminate()
            case "repair":
                print(local_node.repair(), end="")
            case "status":
                status = local_node.status()
                print(json.dumps(asdict(status)) if chosen.json else f"{status.state} disk={status.disk:.2f}")
    except (NodeError, EmbeddedError) as error:
        report_progress(str(error))
        return 1
    except OSError as error:  # a full disk, most of all; the log is on it
        print(f"{name}: {error}. What was done by then stays done. Mend that, then do it again.", file=sys.stderr)
        return 1
    return 0


def _start(local_node: LocalNode, run: Path, name: str, given: dict[str, Any]) -> None:
    if not given:
        # By hand: as it was started before.
        record = NodeFolder(run, name).find()
        if record is None:
            raise NodeError(
                "there is no such node here, and nothing says how to start one",
                on=name,
                next="Start it by OpenTofu first",
            )
        local_node.start(record.kind, record.address, record.settings)
        return
    settings = {key: value for key, value in given.items() if key not in _OWN}
    local_node.start(str(given["kind"]), str(given["address"]), settings)


class _ProgressLog:
    """Tells people, and the node's own log: once OpenTofu is killed nobody reads what a script prints."""

    def __init__(self, folder: NodeFolder, *, is_quiet: bool) -> None:
        self._path = folder.path / "script.log"
        self._is_quiet = is_quiet

    def __call__(self, text: str) -> None:
        # Asking for a node that is not here leaves no folder behind; a full disk is told by what fails on it.
        if not self._is_quiet and self._path.parent.is_dir():
            with suppress(OSError), self._path.open("a", encoding="utf-8") as log:
                log.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} [{os.getpid()}] {text}\n")
        try:
            print(text, file=sys.stderr, flush=True)
        except BrokenPipeError:
            # Python would complain once more when it flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="node.sh", description="One node of this machine.")
    parser.add_argument("verb", choices=("start", "restart", "stop", "status", "fence", "repair", "terminate"))
    parser.add_argument("name", nargs="?", help="which node, by name or address; without it the one of $NODE")
    parser.add_argument("--run", type=Path, help="the folder of the cluster")
    parser.add_argument("--why", help="fence: the reason, recorded with it; restart: the reason")
    parser.add_argument(
        "--end", action="store_true", help="fence: it goes for good, with its data; nothing replaces it"
    )
    parser.add_argument("--json", action="store_true", help="status: all that is known")
    return parser


if __name__ == "__main__":
    sys.exit(main())
