"""A RefServer of real data with a unit that can be stopped and started, and the Admin API of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from agent.api.app import create_app
from agent.api.desk import Desk
from agent.api.gate import Keeper
from agent.api.operations import Book
from agent.api.rates import Rates
from agent.api.tokens import Tokens
from agent.api.ward import Ward
from agent.backup import actions, catalog
from agent.backup.model import Backup, Verified
from tests.api import application
from tests.at_rest.library import Library
from tests.documents import ROOT
from tests.ports import free_port

MANY = Rates(calls=100_000, changes=100_000, strangers=100_000)
SHORT = """
title: Short
system: refserver
on: all
params: {backup: {default: "", help: its id}}
steps:
  - id: put
    sh: "echo {{ params.backup }} >> FOLDER/restored; while [ -e FOLDER/gate ]; do sleep 0.02; done"
    changes: a line
  - {id: behind, sh: "true", changes: nothing}
"""


class World:
    """The data, the unit, the inventory, the tokens; servers in this process and in one of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.library = Library(folder / "data")
        self.library.fill(12)
        self.port = free_port()
        self._unit(monkeypatch)
        self.inventory = folder / "hosts.yml"
        self.inventory_of()
        self.tokens = Tokens(folder / ".hosts.yml.tokens.json")
        self.text = self.tokens.add("all", ("read", "backup", "restore"))[1]
        self.processes: list[subprocess.Popen[str]] = []

    def _unit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bin_, unit = self.folder / "bin", self.folder / "unit"
        bin_.mkdir()
        unit.mkdir()
        (unit / "unit.json").write_text(
            json.dumps({"data": str(self.folder / "data"), "port": str(self.port)})
        )
        stand_in = bin_ / "systemctl"
        stand_in.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" "{application.__file__}" systemctl "{unit}" "$@"\n'
        )
        stand_in.chmod(0o755)
        monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
        self.unit = unit
        application.supervise(unit, "start")

    def inventory_of(self, **more: Any) -> None:
        """Write the inventory; `more` are variables of the host."""
        service = {
            "supervisor": "systemd",
            "unit": "refserver",
            "data_dir": str(self.folder / "data"),
            "backup_dir": str(self.folder / "data/backups"),
            "owner": "",
            "python": sys.executable,
            "chroma_python": [],
            "health": f"http://127.0.0.1:{self.port}/health",
        }
        host = {
            "ansible_connection": "local",
            "ansible_become": False,
            "drillyard_state_dir": str(self.folder / "state"),
            "serves": {"refserver": service},
        }
        self.inventory.write_text(yaml.safe_dump({"all": {"hosts": {"ref1": {**host, **more}}}}))

    @property
    def ward(self) -> Ward:
        """What the API is about: its page is the short one where a test wrote it."""
        pages = (str(self.folder / "pages"),) if (self.folder / "pages").exists() else ()
        page = "short" if pages else "unified_restore"
        return Ward((str(self.inventory),), "ref1", "refserver", page, self.runs, pages)

    def short_page(self) -> None:
        """Have a restore be one line in a file, and wait there while `gate` is a file, too."""
        (self.folder / "pages").mkdir()
        (self.folder / "pages/short.yml").write_text(SHORT.replace("FOLDER", str(self.folder)))

    @property
    def short(self) -> tuple[str, ...]:
        """What `serve` is told so that its page is the short one."""
        return ("--pages", str(self.folder / "pages"), "--page", "short")

    def restored(self) -> list[str]:
        """Which backups the short page put back."""
        path = self.folder / "restored"
        return path.read_text().split() if path.exists() else []

    def known(self, count: int, **more: Any) -> list[Backup]:
        """Enter backups into the history whose files are not there, an hour apart, the newest first."""
        now = datetime.now(UTC).replace(microsecond=0)
        found = []
        for number in range(count):
            at = now - timedelta(hours=number + 1)
            proof = Verified("restored", at.isoformat(), "sound")
            name, path = f"unified_{at:%Y%m%d_%H%M%S}", str(self.folder / "data/backups/metadata/x.json")
            kind = "daily" if number % 4 == 0 else "hourly"
            facts = {"verified": proof, "kind": kind, "contents": {"rows": 12}, **more}
            found.append(
                Backup(
                    name, "refserver", "ref1", path, at.isoformat(timespec="milliseconds"), 9, "0", **facts
                )
            )
        host = self.ward.host()
        self.ward.ask(host, catalog.change(host.service("refserver"), lambda known: [*known, *found]))
        return found

    def take(self, kind: str = "daily") -> Backup:
        """Take a backup as the command line does."""
        host = self.ward.host()
        return self.ward.ask(host, actions.take(host.service("refserver"), kind=kind))

    def desk(self) -> Desk:
        """A desk that begins where the last one ended."""
        return Desk(self.ward, Book(self.runs / "api"))

    def token(self, *scopes: str, name: str = "") -> dict[str, str]:
        """Make a token; return the header that carries it."""
        made = self.tokens.add(name or "-".join(scopes), scopes)[1]
        return {"Authorization": f"Bearer {made}"}

    @property
    def holder(self) -> dict[str, str]:
        """The header of a token that is for everything."""
        return {"Authorization": f"Bearer {self.text}"}

    def serve(self, *more: str, program: Sequence[str] = ("-m", "agent")) -> str:
        """Start `drillyard serve` as a process; return its URL once it listens."""
        arguments = ["serve", "refserver", "-i", str(self.inventory), "--port", "0", "--runs", str(self.runs)]
        arguments += ["--rate", "10000"]
        process = subprocess.Popen(
            [sys.executable, *program, *arguments, "--lang", "en", *more],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )
        self.processes.append(process)
        assert process.stdout
        said = process.stdout.readline()
        assert " on http" in said, (said, process.stderr.read() if process.stderr else "")
        return said.partition(" on ")[2].partition(";")[0]

    def audit(self) -> list[dict[str, Any]]:
        """The lines of the audit."""
        return [json.loads(line) for line in (self.runs / "audit.jsonl").read_text().splitlines()]

    def close(self) -> None:
        """End every process."""
        for process in self.processes:
            process.kill()
            process.communicate()
        (self.unit / "hold").unlink(missing_ok=True)
        application.supervise(self.unit, "stop")


class Api:
    """The API in this process, spoken to over ASGI."""

    def __init__(self, world: World, rates: Rates = MANY) -> None:
        self.world, self.desk = world, world.desk()
        self.app = create_app(self.desk, Keeper(world.tokens, rates, world.runs))
        self.headers = world.holder

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=("192.0.2.1", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, **more)

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Ask with the token that is for everything, unless `headers` say otherwise."""
        import asyncio

        return asyncio.run(
            self._ask(method, path, headers=self.headers if headers is None else headers, **more)
        )

    def ended(self, operation: str) -> dict[str, Any]:
        """Wait until an operation has ended; return what is told of it."""
        if self.desk._thread:
            self.desk._thread.join(300)
        found: dict[str, Any] = self.ask("GET", f"/admin/operations/{operation}").json()
        return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """With twelve documents, and its unit running."""
    made = World(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    """Of that world, without bounds that a test could meet."""
    made = Api(world)
    yield made
    made.desk.close(300)
