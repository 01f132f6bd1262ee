"""A backup verb over several hosts: one that fails keeps none of the others from theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli import main

HOST = """    {0}:
      serves:
        redis: {{supervisor: systemd, unit: redis-server, backup_dir: {1}/{0}}}
"""


def test_the_first_failure_ends_it_and_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The broken ones stand first and in the middle: the last one is listed, and each sentence is said."""
    hosts = tmp_path / "hosts.yml"
    head = f"all:\n  vars: {{ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}\n  hosts:\n"
    hosts.write_text(head + "".join(HOST.format(name, tmp_path) for name in ("a", "b", "c", "d")))
    for name, text in (("a", "no history"), ("c", "no history")):
        (tmp_path / name / "metadata").mkdir(parents=True)
        (tmp_path / name / "metadata" / "backup_history.json").write_text(text)
    assert main(["backup", "check", "redis", "-i", str(hosts), "--limit", "b:d"]) == 2
    assert capsys.readouterr().out.count("CRITICAL: no verified backup") == 2
    assert main(["backup", "verify", "redis", "--all", "-i", str(hosts)]) == 43
    said = capsys.readouterr().err
    assert all(f"{name}: expected" in said for name in "abcd")
