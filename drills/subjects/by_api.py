"""The agent called as the guide calls it: a server beside the application, its history, a restore by id."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from agent.language import say
from agent.runbook.load import load_page
from drills.rig.recovery import Agent, Kill, Recovery, Told, proofs_of

_EVERY = 0.3
_pause = threading.Event()


class ApiAgent(Agent):
    """Recovers through `drillyard serve`, everything else as the command line does."""

    def recover(
        self,
        page: str,
        *,
        within: float,
        hear: Callable[[Told], None] | None = None,
        kills: Sequence[Kill] = (),
    ) -> Recovery:
        """Restore the newest proved backup; a kill ends the server, and another one starts."""
        recovery = Recovery(time.monotonic(), proofs=proofs_of(page, self._pages))
        call = _Call(self, recovery, page, hear)
        try:
            call.follow(list(kills), recovery.launched + within)
        finally:
            call.server.kill()
            call.server.wait()
        return recovery

    def tokens(self) -> str:
        """Return the file of tokens, which nobody else sees."""
        return str(self._runs / "night.tokens.json")

    def words(self, *words: str) -> list[str]:
        """Return a command line about this night's inventory and runs."""
        where = ["--inventory", str(self._inventory), "--runs", str(self._runs), "--tokens", self.tokens()]
        return self.command(*words, *where)

    def run_folder(self, run: str) -> Path:
        """Return where a run's journal lies."""
        return self._runs / run


class _Call:
    """One restore over HTTP, and what its journal tells meanwhile."""

    def __init__(
        self, agent: ApiAgent, recovery: Recovery, page: str, hear: Callable[[Told], None] | None
    ) -> None:
        self._agent, self._recovery, self._page, self._hear = agent, recovery, page, hear
        made = subprocess.run(
            agent.words("token", "add", "night", "--scope", "read", "--scope", "restore"),
            capture_output=True,
            text=True,
            check=True,
        )
        self._headers = {"Authorization": f"Bearer {made.stdout.strip()}", "Idempotency-Key": "night"}
        self._read = 0
        self.server = self._serve()
        history = self._ask("GET", "/admin/backup/history?verified=restored&limit=1")
        self._backup, self._host = history["backups"][0]["id"], history["host"]
        self._operation = self._order()

    def _serve(self) -> subprocess.Popen[str]:
        words = ("serve", "refserver", "--port", "0", "--page", self._page, "--rate", "1000", "--lang", "en")
        server = subprocess.Popen(
            self._agent.words(*words), stdout=subprocess.PIPE, stderr=sys.stderr, text=True
        )
        assert server.stdout
        said = server.stdout.readline()
        self._url = said.partition(" on ")[2].partition(";")[0]
        self._recovery.lives += 1
        return server

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        said = httpx.request(method, f"{self._url}{path}", headers=self._headers, timeout=60, **more)
        said.raise_for_status()
        found: dict[str, Any] = said.json()
        return found

    def _order(self) -> dict[str, Any]:
        body = {"confirm": self._host, "reason": "a night by the API"}
        return self._ask("POST", f"/admin/backup/restore/{self._backup}", json=body)

    def follow(self, kills: list[Kill], end: float) -> None:
        """Look at the operation until it has ended, and tell what its journal has."""
        recovery = self._recovery
        folder = self._agent.run_folder(self._operation["run"])
        recovery.folder = str(folder)
        while time.monotonic() < end:
            found = self._ask("GET", f"/admin/operations/{self._operation['id']}")
            for told in self._news(folder):
                recovery.told.append(told)
                if self._hear:
                    self._hear(told)
                for kill in [each for each in kills if told.is_step(each.step, "started")]:
                    kills.remove(kill)
                    recovery.killed.append(kill.step)
                    self.server.kill()
                    self.server.wait()
                    self.server = self._serve()
                    # Whoever lost the answer asks once more: under its key it is the same one.
                    assert self._order()["id"] == self._operation["id"]
            if found["state"] != "running" and not self._more(folder):
                recovery.ended, recovery.said = found["state"], found["sentence"]
                return
            _pause.wait(_EVERY)
        recovery.ended = "hung"

    def _more(self, folder: Path) -> bool:
        return (folder / "journal.jsonl").stat().st_size > self._read

    def _news(self, folder: Path) -> Iterator[Told]:
        """Yield what the journal has since the last look; its clock is this machine's monotonic one."""
        with (folder / "journal.jsonl").open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + 1 if whole else 0
        for line in map(json.loads, whole.splitlines()):
            said = {**line, "event": line["kind"], "sentence": line.get("error", line.get("sentence", ""))}
            if line["kind"] == "run":
                said |= {"title": f"restore {self._backup} over HTTP"}
            if line["kind"] == "end":
                page = load_page(self._page)
                said |= {"after": [say(each) for each in page.after]}
            if line["kind"] in ("run", "step", "end"):
                yield Told(line["mono"], said)
