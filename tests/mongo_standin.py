"""A MongoDB for tests: the stand-in's server as a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".cache/mongo_standin/bin"
DAMAGE = ROOT / "drills/stacks/images/mongo_standin/damage-index"


class MongoServer:
    """One server that can be stopped dead and started again on its files; acknowledged is on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_name(f"{folder.name}.log")
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """How it is reached."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def client(self, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return a new client of it."""
        return MongoClient(self.uri, **{"serverSelectionTimeoutMS": 5000, **options})

    def start(self, *more: str) -> None:
        """Start it, with further words of its command line, and wait until it answers."""
        words = ("--host", "127.0.0.1", "--port", str(self.port), "--storage-path", str(self.folder))
        words += ("--log-level", "WARNING", "--sync-on-commit", "--noop-heartbeat-seconds", "1")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([BIN / "secantusd-py", *words, *more], stdout=log, stderr=log)
        while True:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            try:
                with self.client(serverSelectionTimeoutMS=500) as client:
                    client.admin.command("ping")
                return
            except PyMongoError:
                threading.Event().wait(0.02)

    def stop(self) -> None:
        """Stop it as a service is stopped."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=120)
            self.process = None

    def kill(self) -> None:
        """Stop it dead."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def damage_index(self, collection: str, index: str, every: int) -> int:
        """Take each `every`-th entry out of an index of a stopped server; return how many were taken."""
        words = [BIN / "python", DAMAGE, *collection.split("."), index, str(every), str(self.folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return int(done.stdout.split()[1])


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """One server for every test of a worker; a test works in databases of its own."""
    server = MongoServer(tmp_path_factory.mktemp("mongo") / "data")
    server.start()
    yield server
    server.kill()
