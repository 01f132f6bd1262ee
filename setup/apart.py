"""Programs that tests speak to, each in a virtual environment of its own: nothing of theirs is in ours."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from setup import progress
from setup.venv import PIP, PYTHON, ROOT, CannotInstall

CACHE = ROOT / ".cache"
CHAT = ROOT / "drills/stacks/images/chat_host/chat/requirements.txt"
STANDIN = ROOT / "drills/stacks/images/mongo_standin/requirements.txt"


def ensure(name: str, requirements: str) -> Path:
    """Return the python of `.cache/NAME`, an environment with these requirements, made where it is needed.

    It has no pip of its own: that of .venv, which is there before, does the work for all.

    Raises:
        CannotInstall: pip failed.
    """
    folder = CACHE / name
    python, stamp = folder / "bin/python", folder / ".drillyard"
    wanted = hashlib.sha256(f"{sys.version}\0{folder}\0{requirements}".encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    folder.parent.mkdir(exist_ok=True)
    base = Path(getattr(sys, "_base_executable", "") or sys.executable)
    make = [str(base), "-m", "venv", "--without-pip", "--clear", str(folder)]
    progress.run(f"Making the virtual environment .cache/{name}", make, failed=CannotInstall)
    listed = folder / "requirements.txt"
    listed.write_text(requirements)
    env = {**os.environ, "PIP_NO_INPUT": "1"}
    install = [str(PYTHON), "-m", "pip", "--python", str(python), *PIP, "-r", str(listed)]
    progress.run(f"Installing the packages of .cache/{name}", install, env, CannotInstall)
    stamp.write_text(wanted)
    return python


def chat() -> Path:
    """Return the python of the sample chat application."""
    return ensure("chat", CHAT.read_text())


def mongo_standin() -> Path:
    """Return the python beside `secantusd-py`, which speaks MongoDB's protocol; a process apart, always."""
    return ensure("mongo_standin", STANDIN.read_text())


def chromadb() -> Path:
    """Return the python of Chroma, which RefServer keeps its vectors in."""
    return ensure("chromadb", "chromadb==1.5.9\n")
