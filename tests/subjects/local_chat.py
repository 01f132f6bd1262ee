"""The chat application as a process here, with a real redis-server and the stand-in for MongoDB."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import httpx
import pymongo

from tests.ports import free_port
from tests.subjects.local_redis import PASSWORD, Server

ROOT = Path(__file__).parents[2]
APP = ROOT / "drills/stacks/images/chat_host"
PYTHON = ROOT / ".cache/chat/bin/python"
STANDIN = ROOT / ".cache/mongo_standin/bin/secantusd-py"
_pause = threading.Event()


class Mongo:
    """One stand-in for MongoDB that can be frozen and stopped dead, and started again on its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"mongodb://127.0.0.1:{self.port}/chatdb?directConnection=true"

    def start(self) -> None:
        """Start it and wait until it answers."""
        where = ["--storage-path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder.parent / "mongo.log").open("ab") as log:
            argv = [str(STANDIN), *where, "--log-level", "WARNING", "--sync-on-commit"]
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        with pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=30_000) as client:
            client.admin.command("ping")

    def signal(self, number: int) -> None:
        """Freeze it or let it go on."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Stop it dead."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Chat:
    """The application with both of its databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("redis", "mongo", "metrics"):
            (folder / name).mkdir()
        self.redis = Server(folder / "redis")
        self.mongo = Mongo(folder / "mongo")
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What it is told."""
        return {
            **os.environ,
            "MONGO_URI": self.mongo.uri,
            "REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{self.redis.port}/0",
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            "DEPENDENCY_SECONDS": "1",
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
        }

    def start(self) -> None:
        """Start the databases, create the indexes, start the application and wait until it is well."""
        self.redis.start()
        self.mongo.start()
        self.run("create-indexes")
        self.start_alone()
        self.wait(200)

    def run(self, *words: str) -> str:
        """Run one of its commands."""
        done = subprocess.run(
            [PYTHON, "-m", "chat", *words],
            cwd=APP,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_alone(self) -> None:
        """Start the application, whatever the databases do."""
        with (self.folder / "chat.log").open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "chat", "serve"],
                cwd=APP,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, status: int) -> httpx.Response:
        """Wait until /health answers with that status, and return the answer."""
        assert self.process is not None
        while True:
            assert self.process.poll() is None, (self.folder / "chat.log").read_text()
            try:
                answer = httpx.get(f"{self.url}/health", timeout=5)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == status:
                return answer
            _pause.wait(0.05)

    def signal(self, number: int) -> None:
        """Send every process of the application a signal."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """End everything."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.mongo.kill()
        self.redis.kill()
