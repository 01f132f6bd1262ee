"""`drillyard auto-recover`: the page is run once, and where what it is about stands."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from agent.cli import main, runs, status
from agent.diagnosis.health import DEGRADED, DOWN, Health
from agent.systems import Symptom

APART = """all:
  vars: {ansible_connection: local, env: rehearsal}
  hosts:
    gpu1:
      serves: {ollama: {supervisor: docker, unit: ollama, health: "http://127.0.0.1:1"}}
    ref1:
      serves: {refserver: {supervisor: docker, unit: refserver}}
"""
TOGETHER = """all:
  vars: {ansible_connection: local, env: rehearsal}
  hosts:
    gpu1:
      serves:
        ollama: {supervisor: docker, unit: ollama, health: "http://127.0.0.1:1"}
        refserver: {supervisor: docker, unit: refserver}
"""
OLLAMA = Health("gpu1", "ollama", DOWN, (Symptom("ollama.down", DOWN, "", ""),))
REFSERVER = Health("ref1", "refserver", DEGRADED, (Symptom("refserver.dependency-down", DEGRADED, "", ""),))


def recover(text: str, folder: Path, patch: pytest.MonkeyPatch, *found: Health) -> tuple[int, list[str]]:
    """Have it find this; return its code and what it ran."""
    (folder / "hosts.yml").write_text(text)
    ran: list[str] = []

    def look(command: Namespace) -> list[Health]:
        command.looked_at = status.limited(command, status.inventory_of(command))
        command.production = set()
        return [*found]

    patch.setattr(status, "_look", look)
    patch.setattr(runs, "plan", lambda command: 0)
    patch.setattr(runs, "run", lambda command: ran.append(f"{command.page} {command.limit}") or 0)
    return main(["auto-recover", "--yes", "-i", str(folder / "hosts.yml")]), ran


def test_a_dependency_on_another_host_takes_refserver_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ollama is restarted where it stands, and RefServer's queue is waited for where that one does."""
    assert recover(APART, tmp_path, monkeypatch, OLLAMA) == (0, ["dependency_down ref1,gpu1"])


def test_one_page_answers_both_and_is_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """RefServer says that Ollama is down, and so does Ollama."""
    both = (
        Health("gpu1", "refserver", DEGRADED, REFSERVER.symptoms),
        OLLAMA,
    )
    assert recover(TOGETHER, tmp_path, monkeypatch, *both) == (0, ["dependency_down gpu1"])
    assert "page dependency_down was run on gpu1 just now" in capsys.readouterr().out


def test_which_refserver_is_for_a_person_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of them, and an Ollama that stands elsewhere."""
    two = APART + "    ref2:\n      serves: {refserver: {supervisor: docker, unit: refserver}}\n"
    code, ran = recover(two, tmp_path, monkeypatch, OLLAMA)
    assert (code != 0, ran) == (True, [])
    assert "2 of the hosts that were looked at serve it: ref1, ref2" in capsys.readouterr().err
