"""A program as an inventory: it is run, and prints JSON (Ansible's dynamic inventory protocol)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from agent.errors import BadInventory
from agent.inventory.document import Document, parse
from agent.inventory.draft import Draft
from agent.inventory.json_layout import read_listing

_PATIENCE = 120.0


def is_program(path: Path) -> bool:
    """Whether a source is to be run: it may be executed, and begins as a script or a binary does.

    Ansible runs whatever may be executed; a plain inventory on a file system that marks everything so
    would be run by accident.
    """
    if not os.access(path, os.X_OK):
        return False
    with path.open("rb") as file:
        return file.read(4).startswith((b"#!", b"\x7fELF"))


def read_program(path: Path, draft: Draft) -> None:
    """Add what a program says to the draft: `PROGRAM --list`, and `--host NAME` where that has no `_meta`.

    Raises:
        BadInventory: it could not be run, failed, or printed something else.
    """
    read_listing(_said(path, "--list"), draft, lambda host: _said(path, "--host", host))


def _said(path: Path, *words: str) -> Document:
    line = " ".join([str(path), *words])
    try:
        done = subprocess.run(
            [path.absolute(), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as problem:
        raise BadInventory(f"{path}: the program cannot be run: {problem.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise BadInventory(f"{path}: `{line}` printed no inventory in {_PATIENCE:g} s.") from None
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise BadInventory(f"{path}: `{line}` ended with code {done.returncode}: {last[0]}.")
    return parse(done.stdout.decode("utf-8", "replace"), line)
