"""A real redis-server of this machine, with a password, on a free port of 127.0.0.1."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import redis

from tests.ports import free_port

PASSWORD = "open-sesame"


class Server:
    """One redis-server that can be stopped dead and started again on its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **settings: str) -> None:
        """Start it with further settings (`min_replicas_to_write="1"`) and wait until it answers."""
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "save": ""}
        # With everysec a kill costs what Redis holds back while an fsync runs: here nothing may be lost.
        options |= {"appendonly": "yes", "appendfsync": "always"}
        options |= {"aof-load-truncated": "no", "requirepass": PASSWORD}
        options |= {name.replace("_", "-"): value for name, value in settings.items()}
        argv = ["redis-server", *(word for key, value in options.items() for word in (f"--{key}", value))]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        while True:
            assert self.process.poll() is None, "redis-server did not start"
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                threading.Event().wait(0.02)

    def client(self) -> redis.Redis:
        """Return a client of the server's owner."""
        return redis.Redis(port=self.port, password=PASSWORD)

    def kill(self) -> None:
        """Stop it dead."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
