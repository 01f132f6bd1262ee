"""A real redis-server of the tests, on a unix socket in a folder of its own, and a road to it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import redis

from agent.inventory.model import Host
from agent.secrets import Secret
from agent.systems.redis.server import Redis
from agent.transport.ask import Action
from agent.transport.local import LocalRoad
from agent.transport.perform import perform

T = TypeVar("T")
PASSWORD = "tiger-und-katze"


class Here:
    """A data directory, the server on it while it runs, and what the agent calls it.

    Options of redis-server may be given to `start`, and `begin_with` is a configuration file to start with;
    without a unit of systemd it is started and stopped by the test, as the page's own steps would.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` must be empty or not there; a data directory may be copied into it with `take`."""
        os.environ["DRILLYARD_TEST_REDIS"] = PASSWORD
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        # A folder name of pytest's may be longer than a socket's name may be.
        self.socket = f"/tmp/drillyard-test-{os.getpid()}-{abs(hash(str(folder))) % 10**9}.sock"
        self.system = Redis(
            host="here",
            socket=self.socket,
            password=Secret("env", "DRILLYARD_TEST_REDIS", "tests"),
            data_dir=str(self.data),
            user=getpass.getuser(),
            backup_dir=str(folder / "backup"),
            python=sys.executable,
        )
        self.road = LocalRoad(Host(name="here", road="local", state_dir=str(folder / "state")))
        self.begin_with = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._quiet = threading.Event()

    @property
    def log(self) -> Path:
        """The newest log file of the append-only folder."""
        return sorted((self.data / "appendonlydir").glob("*.incr.aof"))[-1]

    @property
    def base(self) -> Path:
        """The newest base file."""
        return sorted((self.data / "appendonlydir").glob("*.base.rdb"))[-1]

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.data / "appendonlydir" / "appendonly.aof.manifest"

    @cached_property
    def client(self) -> redis.Redis[bytes]:
        """A connection from outside, not the agent's."""
        return redis.Redis(unix_socket_path=self.socket, password=PASSWORD)

    def take(self, gold: Path) -> None:
        """Take over a copy of another data directory."""
        shutil.rmtree(self.data)
        shutil.copytree(gold, self.data)

    def take_only_dump(self, copy: Path) -> None:
        """Begin with nothing but a backup, as an operator would by hand: a base and a manifest made of it."""
        shutil.rmtree(self.data)
        (self.data / "appendonlydir").mkdir(parents=True)
        shutil.copyfile(copy, self.data / "appendonlydir" / "appendonly.aof.1.base.rdb")
        self.manifest.write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers; fails the test where it ends instead."""
        assert self.begin(*options), (self.folder / "log").read_text()[-2000:]

    def begin(self, *options: str) -> bool:
        """Start the server; return whether it came up."""
        words = [
            "redis-server",
            *filter(None, [self.begin_with]),
            "--port",
            "0",
            "--unixsocket",
            self.socket,
            "--dir",
            str(self.data),
        ]
        words += [
            "--save",
            "",
            "--requirepass",
            PASSWORD,
            "--appendonly",
            "yes",
            "--aof-load-truncated",
            "no",
        ]
        words += ["--logfile", str(self.folder / "log"), "--enable-debug-command", "local", *options]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        while self._process.poll() is None:
            try:
                if self.client.ping():
                    return True
            except (redis.ConnectionError, redis.BusyLoadingError):
                self._quiet.wait(0.01)
        return False

    def stop(self) -> None:
        """Stop it as SIGTERM does, and wait for its end."""
        self._end("terminate")

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        self._end("kill")

    def _end(self, how: str) -> None:
        if self._process is not None:
            getattr(self._process, how)()
            self._process.wait(120)
            self._process = None
        Path(self.socket).unlink(missing_ok=True)

    def do(self, action: Action[T]) -> T:
        """Carry out an action of the agent on this machine."""
        return perform(action, self.road)

    def state(self) -> str:
        """A digest of everything in it, the same for the same data."""
        return str(self.client.execute_command("DEBUG", "DIGEST"))

    def with_settings(self, **settings: Any) -> Redis:
        """The system with other settings."""
        return replace(self.system, **settings)


@contextmanager
def redis_here(folder: Path) -> Iterator[Here]:
    """Give a server that is put away at the end."""
    here = Here(folder)
    try:
        yield here
    finally:
        here.kill()
