"""Who we are on a host is told by its `id`, whatever the names there look like."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agent.transport.greeting import greeted
from agent.transport.order import script

SAYS = """#!/bin/sh
cat <<'END'
uid=1104(%s) gid=1104(admins) 그룹들=1104(admins)
END
"""


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("name", ["kim", r"CORP\nkim", r"CORP\clee", r"CORP\tae", "김"])
def test_a_name_is_told_as_it_is(tmp_path: Path, name: str, shell: str) -> None:
    """A name of a Windows domain has a backslash, which some shells' echo reads as a sign of its own."""
    program = tmp_path / "id"
    program.write_text(SAYS % name)
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": "/home/a b"}
    said = subprocess.run([shell, "-c", script("hello")], env=env, capture_output=True, check=True).stdout
    me = greeted(said)
    assert me is not None, said
    assert (me.uid, me.user, me.home) == (1104, name, "/home/a b")
