"""One MongoDB host of an inventory as an operator has it: captured by a process, asked by commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from agent.cli import main
from agent.inventory import Host, match, read_inventory
from agent.pitr import instant
from agent.pitr.model import CaptureStatus
from agent.pitr.server import now_of
from agent.pitr.store import Store
from agent.systems.mongodb import Mongodb
from agent.transport.local import LocalRoad
from agent.transport.perform import perform
from tests.documents import ROOT
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import until


@dataclass(frozen=True)
class Said:
    """What a command line ended with."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """Its one row of JSON."""
        row: dict[str, Any] = json.loads(self.out)
        return row


class CapturedHost:
    """The inventory of `mongo1`, its capture process, and its spare."""

    def __init__(self, folder: Path, server: MongoServer, spare: MongoServer, uri: str = "") -> None:
        """`uri` is how the tools reach the server, where that is not straight."""
        self.folder, self.server, self.spare = folder, server, spare
        self.process: subprocess.Popen[bytes] | None = None
        secrets = {"uri": uri or server.uri, "spare_uri": spare.uri}
        for name, text in secrets.items():
            (folder / name).write_text(text + "\n")
            (folder / name).chmod(0o600)
        told = ", ".join(f"{name}: !file {name}" for name in secrets)
        self.inventory = folder / "hosts.yml"
        self.inventory.write_text(
            f"all:\n  vars: {{ansible_connection: local, ansible_become: false, "
            f"drillyard_state_dir: {folder}/state}}\n"
            f"  hosts:\n    mongo1: {{serves: {{mongodb: {{{told}, backup_dir: {folder}/backup, "
            f"supervisor: systemd, unit: mongod, workers: 1, seal_every: 1}}}}}}\n"
        )
        self.store = Store(folder / "backup/mongodb")

    @property
    def mongodb(self) -> Mongodb:
        """The server as the actions know it."""
        return Mongodb.of(self._host.service("mongodb"))

    @property
    def _host(self) -> Host:
        (host,) = match(read_inventory(self.inventory), "mongo1")
        return host

    def do(self, action: Any, record: Any = None) -> Any:
        """Carry an action out on this machine."""
        road = LocalRoad(self._host)
        try:
            return perform(action, road, record)
        finally:
            road.close()

    def asked(self, *words: str) -> Said:
        """Run `drillyard mongodb WORDS`."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["mongodb", *words, "-i", str(self.inventory)])
        return Said(code, out.getvalue(), err.getvalue())

    def start(self) -> None:
        """Start the capture."""
        argv = [sys.executable, "-m", "agent", "capture", "-i", str(self.inventory)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / "capture.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, env=env, cwd=self.folder)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the capture, dead or as a service is stopped; return its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(60)
        self.process = None
        return code

    @property
    def status(self) -> CaptureStatus:
        """What the capture says of itself."""
        return self.store.status()

    def based(self) -> None:
        """Wait until there is a base."""
        pid = self.process.pid if self.process is not None else 0
        until(lambda: self.status.pid == pid and self.status.base, 60)

    def caught_up(self) -> str:
        """Wait until all the server acknowledged is on disk; return that moment."""
        with self.server.client(serverSelectionTimeoutMS=30_000) as client:
            now = now_of(client)
        until(lambda: self.status.captured_up_to and instant.read(self.status.captured_up_to) >= now, 60)
        return instant.show(now)

    def close(self) -> None:
        """End what is at work."""
        if self.process is not None:
            self.end(signal.SIGKILL)
