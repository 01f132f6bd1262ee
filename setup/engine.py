"""A container engine that answers: the one docker's settings lead to, else one of our own on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from agent.errors import EngineMissing
from drills.rig import engine as engines
from drills.rig.endpoint import Endpoint, find
from drills.rig.engine import Engine
from setup import apt, cgroups, progress

ROOT = Path(__file__).parents[1]
LOG = ROOT / ".cache/dockerd.log"
PIDFILES = (Path("/var/run/docker.pid"), Path("/run/docker.pid"))


def ensure() -> Engine:
    """Return an engine that answers, installed and started here only where nothing else was asked for.

    Raises:
        EngineMissing: none answers and none can be started; the sentence says what to do.
    """
    endpoint = find(os.environ, Path.home())
    try:
        return engines.connect_to(endpoint)
    except EngineMissing:
        if endpoint.why != "the local socket" or not apt.possible():
            raise
    if not shutil.which("dockerd"):
        apt.install("docker.io", "iptables", because="drills run in a container engine", error=EngineMissing)
    started = None
    if Path("/run/systemd/system").is_dir():
        progress.run("Starting Docker", ["systemctl", "start", "docker"], failed=EngineMissing)
    else:
        started = start()
    return _answering(endpoint, started)


def start() -> subprocess.Popen[bytes] | None:
    """Start dockerd in the background and return it, or None where one runs already.

    A second one in the same network namespace would delete the first one's bridge.
    """
    if running():
        return None
    cgroups.ensure()
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        return subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


def running() -> bool:
    """Whether a dockerd that wrote a pid file is alive, answering or not."""
    for file in PIDFILES:
        try:
            pid = int(file.read_text())
            if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd":
                return True
        except (OSError, ValueError):
            continue
    return False


def _answering(endpoint: Endpoint, started: subprocess.Popen[bytes] | None, within: float = 60.0) -> Engine:
    began = time.monotonic()
    with progress.Doing("Waiting for the container engine"):
        while True:
            try:
                return engines.connect_to(endpoint)
            except EngineMissing as error:
                if started and started.poll() is not None:
                    raise EngineMissing(
                        f"dockerd was started and ended with code {started.returncode}: {_last_words()}",
                        do=f"Its log is {LOG}.",
                    ) from None
                if time.monotonic() - began > within:
                    raise EngineMissing(
                        f"dockerd runs and did not answer in {within:.0f} s: {error.sentence}",
                        do=f"Its log is {LOG}.",
                    ) from None
            time.sleep(0.1)


def _last_words() -> str:
    said = LOG.read_text(errors="replace").strip()
    _, fatal, words = said.rpartition("failed to start daemon:")
    return " ".join((words if fatal else said.splitlines()[-1] if said else "(nothing)").split())[:400]
