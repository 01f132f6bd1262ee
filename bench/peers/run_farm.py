"""Many SSH servers in one process (asyncssh): each on a port of 127.0.0.1, their commands run by sh here.

run_farm.py FOLDER COUNT: prints the ports, serves until its stdin ends, prints what it saw as JSON.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import asyncssh

folder, count = Path(sys.argv[1]), int(sys.argv[2])
seen = {"connections": 0, "open": 0, "most_open": 0, "commands": 0, "at_once": 0, "most_at_once": 0}


class Server(asyncssh.SSHServer):
    def connection_made(self, _conn):
        seen["connections"] += 1
        seen["open"] += 1
        seen["most_open"] = max(seen["most_open"], seen["open"])

    def connection_lost(self, _exc):
        seen["open"] -= 1


class Work:
    """Whether a session has a command at work: a kept shell has from its arrival to the mark behind it."""

    def __init__(self):
        self.busy = False

    def begun(self):
        if not self.busy:
            self.busy = True
            seen["commands"] += 1
            seen["at_once"] += 1
            seen["most_at_once"] = max(seen["most_at_once"], seen["at_once"])

    def ended(self):
        if self.busy:
            self.busy = False
            seen["at_once"] -= 1


async def inward(process, child, work):
    # As with OpenSSH's server a client that goes away is the end of what its shell reads.
    with contextlib.suppress(asyncssh.Error, BrokenPipeError, ConnectionResetError):
        while data := await process.stdin.read(65536):
            work.begun()
            child.stdin.write(data)
            await child.stdin.drain()
    child.stdin.close()


async def outward(source, target, work, mark):
    while data := await source.read(65536):
        # Before the client hears of the end, so that its next command is never counted beside this one.
        if mark and mark in data:
            work.ended()
        target.write(data)


async def serve(process):
    pipe, kept, work = asyncio.subprocess.PIPE, process.command == "exec sh", Work()
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", process.command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    if not kept:
        work.begun()
    feeding = asyncio.ensure_future(inward(process, child, work))
    await asyncio.gather(
        outward(child.stdout, process.stdout, work, b"\x1e" if kept else b""),
        outward(child.stderr, process.stderr, work, b""),
    )
    code = await child.wait()
    feeding.cancel()
    work.ended()
    process.exit(code)


async def main():
    servers = [
        await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Server,
            process_factory=serve,
            server_host_keys=[str(folder / "host_key")],
            authorized_client_keys=str(folder / "authorized"),
            encoding=None,
        )
        for _ in range(count)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(seen), flush=True)


asyncio.run(main())
