"""Control groups for an engine to use, mounted where the machine has none."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent.errors import EngineMissing

FOLDER = Path("/sys/fs/cgroup")


def controllers(table: str) -> list[str]:
    """Return the enabled controllers that /proc/cgroups (its text) offers as hierarchies of version 1."""
    rows = [line.split() for line in table.splitlines() if line and not line.startswith("#")]
    return [name for name, _, _, enabled in rows if enabled == "1"]


def mounted(mounts: str) -> bool:
    """Return whether /proc/mounts (its text) shows control groups: version 2, or version 1 with devices."""
    rows = [line.split() for line in mounts.splitlines()]
    return any(
        (kind == "cgroup2" and where == str(FOLDER)) or (kind == "cgroup" and "devices" in options.split(","))
        for _, where, kind, options, *_ in rows
    )


def ensure() -> None:
    """Mount them: one hierarchy a controller of version 1 where the kernel has them, else version 2.

    Raises:
        EngineMissing: the kernel lets us mount neither.
    """
    if mounted(Path("/proc/mounts").read_text()):
        return
    table = Path("/proc/cgroups")
    names = controllers(table.read_text()) if table.exists() else []
    complaint = ""
    if "devices" in names and not (complaint := _mount("tmpfs", FOLDER, "mode=755")):
        complaints = [_mount("cgroup", FOLDER / name, name) for name in names]
        _mount("cgroup", FOLDER / "systemd", "none,name=systemd")
        complaint = " ".join(filter(None, complaints))
    elif "devices" not in names:
        complaint = _mount("cgroup2", FOLDER, "rw")
    if not mounted(Path("/proc/mounts").read_text()):
        raise EngineMissing(
            f"Expected control groups under {FOLDER}, found none and could not mount them: {complaint}",
            do="Run on a machine whose kernel lets root mount cgroups.",
        )


def _mount(kind: str, where: Path, options: str) -> str:
    """Mount, and return mount's complaint or nothing."""
    where.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", kind, "-o", options, kind, str(where)], capture_output=True, text=True, check=False
    )
    return done.stderr.strip()
