"""A password that is an ordinary word, or a number, is masked where it may stand, and breaks no record."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT

HOSTS = """all:
  vars: {{ansible_connection: local, drillyard_state_dir: {0}/state, db_password: !env WEAK}}
  hosts: {{web1: }}
"""
PAGE = """
title: Weak
steps:
  - {{id: first, sh: "echo {{{{ vars.db_password }}}}; echo first >> {0}/log", changes: a line}}
  - {{id: second, sh: "test -e {0}/go && echo second >> {0}/log", changes: a line}}
"""


@pytest.mark.parametrize(
    "weak", ["web", "web1", "first", "page", "kind", "run", "out", "1", "12", "0", "a", '"']
)
def test_a_run_is_resumed_whatever_the_password(tmp_path: Path, weak: str):
    """Hosts, steps and numbers stay what they are; what the host answered has dots in its place."""
    (tmp_path / "hosts.yml").write_text(HOSTS.format(tmp_path))
    (tmp_path / "page.yml").write_text(PAGE.format(tmp_path))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "WEAK": weak}

    def drillyard(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "agent", *words]
        return subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    ran = drillyard("run", "page.yml", "-i", "hosts.yml", "--json")
    assert ran.returncode == 10
    end = [json.loads(line) for line in ran.stdout.splitlines()][-1]
    assert end["hosts"] == {"web1": "failed"}
    assert Path(end["resume"].split()[-1]).is_dir()
    (journal,) = tmp_path.glob("runs/*/journal.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    (said,) = (
        line["answer"]["out"] for line in lines if line["kind"] == "answer" and line["step"] == "first"
    )
    assert weak not in said
    (tmp_path / "go").touch()
    done = drillyard("resume", "latest")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log").read_text() == "first\nsecond\n"
    assert drillyard("audit", "verify").returncode == 0
