"""A stand-in for a stack's host: commands run here, and `systemctl` names a real local redis-server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, cast

from agent.transport.ask import Done
from drills.rig.fault import Scene
from tests.subjects.local_redis import Server


class LocalHost:
    """Runs what a fault runs; only `systemctl show` is answered by us."""

    name = "local"
    running = True

    def __init__(self, server: Server, folder: Path) -> None:
        folder.mkdir()
        assert server.process is not None
        stub = folder / "systemctl"
        stub.write_text(f"#!/bin/sh\necho {server.process.pid}\n")
        stub.chmod(0o755)
        self._env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    def exec(self, *argv: str, user: str = "root", stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> Done:
        """Run it here."""
        del user
        done = subprocess.run(argv, input=stdin, capture_output=True, env=self._env, check=False)
        assert not ok or done.returncode in ok, done.stderr.decode()
        return Done(done.returncode, done.stdout, done.stderr)


def scene_of(server: Server, folder: Path, marks: dict[str, int]) -> Scene:
    """Return the scene of that server."""
    host = cast("Any", LocalHost(server, folder))
    return Scene(cast("Any", None), host, "redis-server", str(server.folder), marks, seed=3)
