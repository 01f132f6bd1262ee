"""What a drill leaves behind, whatever happened: one folder with everything its verdict rests on."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from agent.secrets import mask, mask_bytes

_PACKAGES = ("drillyard", "pytest", "pytest-testinfra", "docker", "fabric", "paramiko")


class Evidence:
    """A run's folder below `runs`, named by its moment in UTC and its drill; made at once."""

    def __init__(self, runs: Path, drill: str, now: datetime) -> None:
        """`now` is an aware time in UTC."""
        stem = f"{now:%Y%m%dT%H%M%SZ}-{drill}"
        self.folder = _make(runs, stem)
        self.agent_runs = self.folder / "agent"

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, text: str) -> None:
        """Write a text file, secrets masked."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mask(text), encoding="utf-8")

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a JSON file, secrets masked."""
        self.write(name, json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")

    def log(self, host: str, name: str, data: bytes) -> None:
        """Keep a log of a host, secrets masked."""
        path = self.folder / "hosts" / host / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mask_bytes(data))

    def keep_journal(self, run_folder: str) -> None:
        """Copy the journal of the agent's run beside the verdict."""
        journal = Path(run_folder) / "journal.jsonl"
        if run_folder and journal.is_file():
            shutil.copyfile(journal, self.folder / "journal.jsonl")

    def point_latest(self) -> None:
        """Make `latest` point here; whoever reads it meanwhile sees the old one or this one."""
        runs = self.folder.parent
        new = runs / f".latest-{os.getpid()}"
        with suppress(FileNotFoundError):
            new.unlink()
        new.symlink_to(self.folder.name)
        new.replace(runs / "latest")


def _make(runs: Path, stem: str) -> Path:
    """Make a folder that nobody else has, also where several drills begin in the same second."""
    runs.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def package_versions() -> dict[str, str]:
    """Return the versions of what ran on the controller."""
    found = {"python": platform.python_version(), "controller_os": platform.platform(terse=True)}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
