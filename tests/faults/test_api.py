"""Faults of the API that can be tried without a stack: a bad release is deployed as a real one would be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from agent.errors import NotFound
from agent.transport.ask import Done
from drills.rig.fault import Scene, fault

GOOD = "import contextlib, os\n\n\nclass App:\n    class router: ...\n\n\napp = App()\n"


class Here:
    """A host that is this machine, whose systemctl notes what it was asked."""

    name = "here"

    def __init__(self, folder: Path) -> None:
        self.asked = folder / "asked"
        stub = folder / "bin/systemctl"
        stub.parent.mkdir()
        noted = f'echo "$@" >>{self.asked}'
        stub.write_text(f'#!/bin/sh\n[ "$1" = show ] && echo inactive || {noted}\n')
        stub.chmod(0o755)
        journal = folder / "bin/journalctl"
        journal.write_text("#!/bin/sh\nfor n in 1 2 3 4 5 6; do echo \"KeyError: 'PRESENCE_URL'\"; done\n")
        journal.chmod(0o755)
        self._path = f"{stub.parent}:/usr/bin:/bin"

    def exec(self, *argv: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> Done:
        """Run it here."""
        done = subprocess.run(argv, input=stdin, capture_output=True, env={"PATH": self._path}, check=False)
        assert not ok or done.returncode in ok, done.stderr.decode()
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def host(tmp_path: Path) -> Here:
    """A host with one release in place."""
    (tmp_path / "releases/2/chat").mkdir(parents=True)
    (tmp_path / "releases/2/chat/api.py").write_text(GOOD)
    (tmp_path / "releases/2/chat/__init__.py").touch()
    (tmp_path / "current").symlink_to("releases/2")
    return Here(tmp_path)


@pytest.mark.parametrize(("breaks", "runs"), [("import", False), ("start", True)])
def test_a_bad_release(host: Here, tmp_path: Path, breaks: str, runs: bool) -> None:
    """It is in the place of the one before, which stays; its import fails, or what comes after it."""
    scene = Scene(cast("Any", None), cast("Any", host), "chat-api", "")
    wound = fault("bad_release", breaks=breaks, root=str(tmp_path)).strike(scene)
    assert (wound.facts["release"], wound.facts["before"]) == ("3", "2")
    assert (tmp_path / "current").readlink() == Path("releases/3")
    assert (tmp_path / "releases/2/chat/api.py").read_text() == GOOD
    assert host.asked.read_text() == "restart --no-block chat-api\n"
    tried = subprocess.run(
        [sys.executable, "-c", "import chat.api"], cwd=tmp_path / "current", capture_output=True, check=False
    )
    assert (tried.returncode == 0) is runs


def test_a_way_of_breaking_that_is_none() -> None:
    """It is named, with those there are."""
    with pytest.raises(NotFound, match="breaks is one of import, start, found stop"):
        fault("bad_release", breaks="stop").strike(Scene(cast("Any", None), cast("Any", None), "u", ""))


@pytest.mark.parametrize(
    "name",
    ["api_crash", "api_hang", "certificate_expired", "port_taken", "dependency_dead", "dependency_slow"],
)
def test_every_fault_is_there(name: str) -> None:
    """By its file's name."""
    assert fault(name)
