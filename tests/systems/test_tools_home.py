"""A login begins in somebody's home: what lies there is not taken for Python's own, nor for ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.providers.program import Program
from agent.systems.mongodb import Mongodb

ASKS = {
    "mongodb": Mongodb(host="tools1", python=sys.executable).program("no-such-verb", {}),
    "provider": Program("agent.providers.atlas", sys.executable, "tools1", "atlas").sh("no-such-verb", {}),
}


@pytest.mark.parametrize("name", ASKS)
def test_a_file_in_the_home_is_no_module_of_ours(tmp_path: Path, name: str) -> None:
    """A json.py for one's own ends is no reason for a recovery to end before it begins."""
    for module in ("json.py", "bson.py", "agent/__init__.py"):
        (tmp_path / module).parent.mkdir(exist_ok=True)
        (tmp_path / module).write_text("raise SystemExit('this is mine')\n")
    ask = ASKS[name]
    done = subprocess.run(ask.argv, input=ask.stdin, cwd=tmp_path, capture_output=True, check=False)
    assert json.loads(done.stdout)["error"] == "Usage", done.stderr
