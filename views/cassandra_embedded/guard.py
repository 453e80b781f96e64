"""Run one program and end it when the process that started us is gone, however that ended.

A file of its own, run as ``python -I -S guard.py PARENT FOLDER PROGRAM...``; imports nothing of this package.
Prints the program's pid. FOLDER, where not ``-``, is removed when the parent died without doing so itself.
A parent's death signal (prctl) alone would not do: the kernel sends it when the *thread* that started the
child ends, and pytest or a web server may start us from a thread that soon ends. This process has one thread.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.1


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run the program; return its exit code, or 128 plus the number of the signal that ended it."""
    parent, folder, program = int(arguments[0]), arguments[1], arguments[2:]
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=_die_with_guard)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    print(child.pid, flush=True)
    orphaned = False
    while child.poll() is None:
        if os.getppid() != parent and not orphaned:
            orphaned = True
            child.kill()
        time.sleep(_LOOK_SECONDS)
    if orphaned and folder != "-":
        shutil.rmtree(folder, ignore_errors=True)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
