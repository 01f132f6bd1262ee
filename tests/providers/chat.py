"""An inventory whose MongoDB is on the stand-in for Atlas, and a page that restores it, for whole runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.inventory import read_inventory
from agent.inventory.model import Service
from agent.record.journal import read_journal
from drills.standins.atlas import Atlas
from drills.standins.atlas.world import World

KILLER = Path(__file__).parents[1] / "runbook/killed_at.py"
PASSWORD = "hunter2hunter2"
PAGE = """
title: Bring MongoDB back by its provider
system: mongodb
on: mongodb
steps:
  - {id: spare, do: agent.providers.atlas.provision, with: {within: 60}}
  - {id: restore, do: agent.providers.atlas.restore, with: {at: "%s", within: 60}, register: restored}
  - {id: connect, do: agent.providers.atlas.connect}
"""


def world_of_chat(**options: Any) -> World:
    """Return a world with the cluster chat, and its spare in another region."""
    world = World(**options)
    world.add("chat")
    world.add("chat-dr", region="AP_NORTHEAST_1")
    return world


@dataclass(frozen=True)
class Chat:
    """The folder of one inventory, its page and its runs."""

    folder: Path
    fake: Atlas

    @classmethod
    def made(cls, folder: Path, fake: Atlas, at: str = "latest", **settings: Any) -> Chat:
        """Write inventory, secrets and page; `settings` are more of the service's."""
        (folder / "secrets").mkdir(parents=True)
        (folder / "pages").mkdir()
        (folder / "secrets/atlas").write_text(fake.guard.client_secret + "\n")
        for name, host in (("uri", "chat.ab1cd.mongodb.net"), ("app_uri", "chat.ab1cd.mongodb.net")):
            text = f"mongodb+srv://{name}:{PASSWORD}@{host}/chatdb?w=majority"
            (folder / "secrets" / name).write_text(text + "\n")
        told = {
            "provider": "atlas",
            "api": fake.url,
            "project": fake.world.project,
            "cluster": "chat",
            "spare": "chat-dr",
            "region": "AP_NORTHEAST_1",
            "every": 0.02,
            "client_id": fake.guard.client_id,
            "client_secret": "!file secrets/atlas",
            "uri": "!file secrets/uri",
            "app_uri": "!file secrets/app_uri",
            "spare_uri": "!file secrets/spare_uri",
            "spare_app_uri": "!file secrets/spare_app_uri",
            **settings,
        }
        lines = "\n".join(f"              {key}: {value}" for key, value in told.items() if value is not None)
        (folder / "hosts.yml").write_text(
            "all:\n  vars: {ansible_connection: local, ansible_become: false, "
            f"drillyard_state_dir: {folder}/state}}\n"
            f"  children:\n    mongodb:\n      hosts:\n        mongo1:\n          serves:\n"
            f"            mongodb:\n{lines}\n"
        )
        (folder / "pages/atlas_restore.yml").write_text(PAGE % at)
        return cls(folder, fake)

    @property
    def service(self) -> Service:
        """The service as the inventory has it."""
        return read_inventory(self.folder / "hosts.yml").hosts["mongo1"].service("mongodb")

    @property
    def run(self) -> list[str]:
        """The command line of a run."""
        return [
            *("run", "atlas_restore", "-i", str(self.folder / "hosts.yml")),
            *("--pages", str(self.folder / "pages"), "--runs", str(self.folder / "runs"), "--yes"),
        ]

    @property
    def resume(self) -> list[str]:
        """The command line that takes the newest run up again."""
        return ["resume", "latest", "--runs", str(self.folder / "runs")]

    def environment(self) -> dict[str, str]:
        """What the programs run in: tokens are kept below the folder."""
        return {**os.environ, "XDG_STATE_HOME": str(self.folder / "tokens")}

    def killed_at(self, line: int) -> bool:
        """Run until the journal has so many lines and be killed there; say whether it came to that."""
        words = [sys.executable, str(KILLER), str(line), *self.run]
        done = subprocess.run(words, env=self.environment(), capture_output=True, check=False)
        return done.returncode == -signal.SIGKILL

    def lines(self) -> int:
        """Return how many lines the journal of the only run has."""
        return len(self.journal())

    def journal(self) -> list[Mapping[str, Any]]:
        """Return the journal of the only run."""
        (journal,) = self.folder.glob("runs/*/journal.jsonl")
        return list(read_journal(journal))
