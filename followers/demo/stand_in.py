"""A small SSH server in the place of OpenSSH: ``python -m followers.demo.stand_in PORT KEYS HOME``.

Runs each command by bash in HOME, on the loopback, for the one key in KEYS/authorized_keys.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import asyncssh

from followers.demo.place import ADDRESS


async def serve(port: int, keys: Path, home: Path) -> None:
    """Serve until this process is ended."""
    environment = {**os.environ, "HOME": str(home)}

    async def handle(process: asyncssh.SSHServerProcess[bytes]) -> None:
        child = await asyncio.create_subprocess_exec(
            "/bin/bash",
            "-c",
            process.command or "true",
            cwd=home,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        # At once at the end: what Airflow asks for is short, and its jobs detach themselves and write to files.
        output, errors = await child.communicate()
        process.stdout.write(output)
        process.stderr.write(errors)
        process.exit(child.returncode if child.returncode is not None and child.returncode >= 0 else 255)

    server = await asyncssh.listen(
        ADDRESS,
        port,
        server_host_keys=[str(keys / "host_key")],
        authorized_client_keys=str(keys / "authorized_keys"),
        process_factory=handle,
        encoding=None,
    )
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
