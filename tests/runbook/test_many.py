"""Several hosts: who failed, who was stopped, who had nothing to do; and failures that are everybody's."""

import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.record.journal import read_journal

HOSTS = """all:
  vars: {{ansible_connection: local}}
  hosts:
    a: {{drillyard_state_dir: {0}/a, drillyard_worker: seoul}}
    b: {{drillyard_state_dir: {0}/b, drillyard_worker: busan-region}}
    c: {{drillyard_state_dir: {0}/c, drillyard_worker: seoul}}
"""


@pytest.fixture(params=["threads", "dask"])
def ordered(request, tmp_path, capsys):
    """Run a page on three hosts, from here and from workers; return its exit code and its last event."""
    (tmp_path / "hosts.yml").write_text(HOSTS.format(tmp_path))
    engine = request.getfixturevalue("cluster").engine if request.param == "dask" else request.param

    def run(text: str, *more: str) -> tuple[int, dict]:
        (tmp_path / "page.yml").write_text(text.replace("LOG", str(tmp_path / "log")))
        arguments = [str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml"), "--engine", engine]
        code = main(["run", *arguments, "--runs", str(tmp_path / "runs"), "--json", *more])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def log(folder: Path) -> list[str]:
    """What the hosts wrote, in no order."""
    return sorted((folder / "log").read_text().split()) if (folder / "log").exists() else []


MIXED = """
title: Mixed
steps:
  - {id: fails, on: a, sh: exit 3, changes: nothing}
  - {id: works, on: b, sh: echo b >> LOG, changes: a line}
"""
FATAL = """
title: Fatal
steps:
  - {id: first, sh: "echo first-{{ host.name }} >> LOG", changes: a line, undo: {sh: "echo undone >> LOG"}}
  - {id: gate, any_errors_fatal: true, serial: 1, sh: "[ {{ host.name }} != b ]", changes: nothing}
  - {id: last, sh: "echo last >> LOG", changes: a line}
"""


def test_every_hosts_fate_is_told(ordered, tmp_path):
    """On the screen's last event, in the journal and in the audit."""
    code, end = ordered(MIXED)
    assert code == 10
    assert end["hosts"] == {"a": "failed", "b": "done", "c": "skipped"}
    (journal,) = tmp_path.glob("runs/*/journal.jsonl")
    assert list(read_journal(journal))[-1]["hosts"] == end["hosts"]
    audited = json.loads((tmp_path / "runs/audit.jsonl").read_text().splitlines()[-1])
    assert audited["ended"] == end["hosts"]


def test_a_host_that_is_not_there(ordered, tmp_path):
    """Unreachable is not failed; the others go on."""
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(
        hosts.read_text() + "    d: {ansible_connection: docker, ansible_host: drillyard-none}\n"
    )
    code, end = ordered(MIXED.replace("on: a", "on: c"))
    assert (code, end["hosts"]["d"], end["hosts"]["b"]) == (30, "unreachable", "done")
    (tmp_path / "log").unlink()
    code, end = ordered(MIXED.replace("title: Mixed", "title: Mixed\nany_errors_fatal: true"))
    assert (code, set(end["hosts"].values())) == (30, {"unreachable", "stopped"})
    assert log(tmp_path) == []


def test_a_fatal_step_ends_the_run_everywhere(ordered, tmp_path):
    """No later batch begins, no later step; what was done is undone, on those that did nothing wrong too."""
    code, end = ordered(FATAL)
    assert code == 10
    assert end["hosts"] == {"a": "stopped", "b": "failed", "c": "stopped"}
    assert log(tmp_path) == ["first-a", "first-b", "first-c", "undone", "undone", "undone"]


def test_without_it_the_others_go_on(ordered, tmp_path):
    """The same page, not fatal."""
    _, end = ordered(FATAL.replace("any_errors_fatal: true, ", ""))
    assert end["hosts"] == {"a": "done", "b": "failed", "c": "done"}
    assert log(tmp_path).count("last") == 2


@pytest.mark.parametrize("rescue", ["echo rescued >> LOG", "exit 1"])
def test_a_rescue_is_tried_before_all_is_lost(ordered, tmp_path, rescue):
    """A fatal failure in a block sends every host of it to the rescue; only where that fails the run ends."""
    code, end = ordered(
        f"""
title: Rescue
any_errors_fatal: true
steps:
  - id: both
    block:
      - {{id: gate, sh: "[ {{{{ host.name }}}} != b ]", changes: nothing}}
      - {{id: never, sh: echo never >> LOG, changes: a line}}
    rescue: [{{id: rescue, sh: {rescue}, changes: a line}}]
  - {{id: last, sh: echo last >> LOG, changes: a line}}
"""
    )
    if rescue == "exit 1":
        assert (code, log(tmp_path)) == (10, [])
    else:
        assert (code, set(end["hosts"].values())) == (0, {"done"})
        assert log(tmp_path) == ["last"] * 3 + ["rescued"] * 3
