"""The virtual environment: made once, brought up to date only when what it is made from changes."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from agent.errors import DrillyardError
from setup import apt, progress

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / ".drillyard"
# Without compiling: most of what is installed is never imported, and Python compiles the rest as it is.
PIP = ("install", "--no-compile", "--disable-pip-version-check", "--progress-bar", "off")


class CannotInstall(DrillyardError):
    """Something this machine lacks could not be installed; the sentence says what to do by hand."""

    exit_code = 65


def fingerprint(root: Path, python: str) -> str:
    """Return what the environment is made from: project, pins, python, and the place it stands in."""
    total = hashlib.sha256(f"{python}\0{root}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        total.update(b"\0" + (root / name).read_bytes())
    return total.hexdigest()


def ensure() -> Path:
    """Return the environment's python, made or brought up to date where needed.

    Raises:
        CannotInstall: this python cannot make environments, or pip failed.
    """
    wanted = fingerprint(ROOT, f"{sys.version} {Path(sys.base_prefix)}")
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return PYTHON
    make()
    STAMP.unlink(missing_ok=True)
    progress.run(
        "Installing the Python packages into .venv",
        [str(PYTHON), "-m", "pip", *PIP, "-c", str(ROOT / "constraints.txt"), "-e", f"{ROOT}[dev]"],
        env={**os.environ, "PIP_NO_INPUT": "1"},
        failed=CannotInstall,
    )
    STAMP.write_text(wanted)
    return PYTHON


def _same_python() -> bool:
    """Whether .venv is there and made from the python that runs now."""
    settings = VENV / "pyvenv.cfg"
    if not settings.exists() or not PYTHON.exists():
        return False
    version = ".".join(map(str, sys.version_info[:3]))
    return any(line.replace(" ", "") == f"version={version}" for line in settings.read_text().splitlines())


def make() -> None:
    """Make the environment, with nothing but pip in it, unless it is there and of this python.

    Raises:
        CannotInstall: this python cannot make environments.
    """
    import importlib.util

    if _same_python():
        return
    if importlib.util.find_spec("ensurepip") is None:
        apt.install("python3-venv", because="this Python cannot make virtual environments")
    base = Path(getattr(sys, "_base_executable", "") or sys.executable)
    progress.run(
        "Making the virtual environment .venv",
        [str(base), "-m", "venv", "--clear", str(VENV)],
        failed=CannotInstall,
    )
