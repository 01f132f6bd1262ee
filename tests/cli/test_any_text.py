"""What a host says in another encoding, or a terminal cannot show, is no reason for a run to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import StepFailed
from agent.transport.ask import Note

ACTIONS = '''
from agent.errors import StepFailed
from agent.inventory.model import Service
from agent.transport.ask import Action, Note, Sh

SAY = Sh("printf 'caf\\\\351 \\\\342\\\\234\\\\223'", script=True)


def note(service: Service) -> Action[str]:
    """Note it and return it."""
    done = yield SAY
    yield Note(done.text)
    return done.text


def fail(service: Service) -> Action[str]:
    """Fail with it."""
    done = yield SAY
    raise StepFailed(f"here: expected tea, found {done.text}")
'''
PAGE = """
title: {{en: say, ko: 말하기}}
system: redis
on: all
objectives: {{rto: 10m, rpo: 0s}}
why: {{en: to see, ko: 보려고}}
steps:
  - {{id: say, name: {{en: say, ko: 말하기}}, do: {module}.{action}, register: said}}
"""
INVENTORY = """
all:
  hosts:
    here:
      ansible_connection: local
      drillyard_state_dir: {folder}/state
      serves: {{redis: {{supervisor: systemd, unit: redis}}}}
"""


def run(folder: Path, action: str, encoding: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    """Run a page of one step that says `caf`, a byte that is no UTF-8, and a tick."""
    (folder / "said_by_hosts.py").write_text(ACTIONS)
    (folder / "pages").mkdir()
    (folder / "pages/say.yml").write_text(PAGE.format(module="said_by_hosts", action=action))
    (folder / "hosts.yml").write_text(INVENTORY.format(folder=folder))
    words = ["run", "say", "-i", "hosts.yml", "--pages", "pages", "--no-notify", "--lang", "ko", *more]
    here = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict", "PYTHONPATH": f"{here}:{folder}"}
    return subprocess.run(
        [sys.executable, "-m", "agent", *words], cwd=folder, env=env, capture_output=True, check=False
    )


@pytest.mark.parametrize("encoding", ["utf-8", "euc_kr", "latin-1"])
def test_a_run_tells_its_end_whatever_was_said(tmp_path: Path, encoding: str) -> None:
    """A step that failed is told as one, with how to go on; before, the run ended where it stood."""
    done = run(tmp_path, "fail", encoding)
    assert done.returncode == StepFailed.exit_code, done.stderr.decode(encoding, "replace")
    assert b"expected tea, found caf" in done.stdout
    assert b"drillyard resume" in done.stdout


@pytest.mark.parametrize("encoding", ["utf-8", "euc_kr", "latin-1"])
def test_events_are_json_whatever_was_said(tmp_path: Path, encoding: str) -> None:
    """Each line is one object, in every encoding."""
    done = run(tmp_path, "note", encoding, "--json", "--verbose")
    assert done.returncode == 0, done.stdout
    events = [json.loads(line) for line in done.stdout.decode(encoding).splitlines()]
    assert [each["sentence"] for each in events if each.get("state") == "note"] == ["caf\ufffd ✓"]
    assert [each["outcome"] for each in events if each["event"] == "end"] == ["done"]


def test_a_sentence_can_be_sent_anywhere() -> None:
    """To a mail server, a pager and the Admin API: all of them want text that is some."""
    error = StepFailed("found caf\udce9", do="see caf\udce9")
    assert (error.sentence, error.do, str(error)) == (
        "found caf\ufffd",
        "see caf\ufffd",
        "found caf\ufffd see caf\ufffd",
    )
    assert Note("caf\udce9").text == "caf\ufffd"
