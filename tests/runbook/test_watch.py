"""People are told at their times and once, whatever happens to the run or to the messages."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli import main
from agent.inventory import read_inventory
from agent.notify.ladder import ladder_of
from agent.record.journal import Journal, read_journal
from agent.runbook.events import EndEvent
from agent.runbook.load import load_page
from agent.runbook.order import Order
from agent.runbook.watch import Watch
from tests.notify.servers import webhook

ROOT = Path(__file__).parents[2]
KILLER = Path(__file__).with_name("killed_at.py")
WAITS = """
title: {en: Waits, ko: 기다림}
objectives: {rto: 30m}
steps:
  - {id: one, name: {en: First, ko: 첫째}, sh: echo one >> LOG, changes: a line}
  - id: gate
    name: {en: At the gate, ko: 문 앞}
    sh: while [ ! -e LOG.gate ]; do sleep 0.02; done
    changes: passes
"""


@pytest.fixture
def hook(monkeypatch):
    """A webhook for the whole ladder."""
    with webhook() as found:
        monkeypatch.setenv("WATCH_HOOK", found.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        yield found


@pytest.fixture
def world(tmp_path):
    """One local host, and a ladder of three levels: at once, after 0.3 s, and after an hour."""
    (tmp_path / "hosts.yml").write_text(
        f"""all:
  vars:
    ansible_connection: local
    drillyard_state_dir: {tmp_path}/state
    escalation:
      channels: {{slack: {{url: !env WATCH_HOOK}}}}
      contacts:
        oncall: {{by: {{slack: "@oncall"}}, language: en}}
        lead: {{by: {{slack: "@lead"}}, language: ko}}
        dba: {{by_hand: "+82 2 000"}}
        cto: {{by: {{slack: "@cto"}}}}
      levels:
        - {{from: 0, tell: [oncall]}}
        - {{from: 0.005, tell: [lead, dba]}}
        - {{from: 60, tell: [cto]}}
      tries: 3
      again_after: 0.05
  hosts: {{one: }}
"""
    )
    return tmp_path


def command(world: Path, text: str = WAITS) -> list[str]:
    """The words that run a page."""
    (world / "page.yml").write_text(text.replace("LOG", str(world / "log")))
    return ["run", str(world / "page.yml"), "-i", str(world / "hosts.yml"), "--runs", str(world / "runs")]


def agent(world: Path, *words: str) -> subprocess.Popen:
    """The agent as a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "agent", *words], cwd=world, stdout=subprocess.PIPE)


def notices(world: Path) -> list[tuple]:
    """The journal's lines about messages."""
    (path,) = (world / "runs").glob("*/journal.jsonl")
    lines = [line for line in read_journal(path) if line["kind"] == "notice"]
    return [(line["contact"], line["state"], line["last"]) for line in lines]


def resume(world: Path) -> list[str]:
    """The words that take it up."""
    return ["resume", "latest", "--runs", str(world / "runs")]


def test_each_is_told_once_across_a_kill(world, hook):
    """On call at once, the lead at their threshold; the resume tells neither again, and at the end both."""
    process = agent(world, *command(world))
    first = hook.wait_for(2)
    # On a busy machine both are due when the first is told.
    assert sorted(got["text"].split()[0] for got in first) == ["@lead", "@oncall"]
    while len(notices(world)) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    (world / "log.gate").touch()
    assert main(resume(world)) == 0
    texts = [got["text"] for got in hook.got]
    assert sorted(text.split()[0] for text in texts[:2]) == ["@lead", "@oncall"]
    assert sorted(text.split()[0] for text in texts[2:]) == ["@lead", "@oncall"]
    assert "done, and nothing was proved" in next(text for text in texts[2:] if text.startswith("@oncall"))
    assert sorted(notices(world)) == sorted(
        [
            ("oncall", "sent", False),
            ("lead", "sent", False),
            ("dba", "by hand", False),
            ("oncall", "sent", True),
            ("lead", "sent", True),
        ]
    )


def test_what_a_message_says(world, hook):
    """Page, host, step at work, elapsed against RTO, how to go on, run folder, whom to call by hand."""
    # The lead is told once the first step is surely over, on a busy machine too.
    hosts = world / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("from: 0.005", "from: 0.1"))
    process = agent(world, *command(world))
    korean = hook.wait_for(2)[1]["text"]
    (world / "log.gate").touch()
    process.communicate()
    (folder,) = (world / "runs").glob("*-page-*")
    for part in ("기다림", "one", "문 앞", "/ RTO 30분", f"drillyard resume {folder}", "dba (+82 2 000)"):
        assert part in korean
    assert "At the gate" not in korean


def test_a_refused_message_is_tried_again_and_no_more_than_so_often(world, hook, capsys):
    """Refused twice it arrives at the third try; refused thrice it is given up; the recovery never minds."""
    hook.refusals, hook.refused = 2, "@oncall"
    process = agent(world, *command(world), "--json")
    hook.wait_for(1, "@oncall")
    (world / "log.gate").touch()
    out, _ = process.communicate()
    assert process.returncode == 0
    told = [json.loads(line) for line in out.splitlines()]
    oncall = [each for each in told if each["event"] == "notify" and each["contact"] == "oncall"]
    assert [each["state"] for each in oncall if not each["last"]] == ["failed", "failed", "sent"]
    assert "503" in oncall[0]["sentence"]
    assert hook.url.encode() not in out
    kept = [path for path in (world / "runs").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if hook.url.encode() in path.read_bytes()]


def test_a_channel_that_hangs_keeps_nobody(world):
    """A pager that does not come back holds up neither the steps nor, beyond its share, the end."""
    text = (world / "hosts.yml").read_text()
    gate = f"while [ ! -e {world}/pager.gate ]; do sleep 0.02; done"
    text = text.replace("{url: !env WATCH_HOOK}", f"{{kind: command, run: [sh, -c, {gate!r}]}}")
    (world / "hosts.yml").write_text(text)
    command(world)
    order = Order(load_page(world / "page.yml"), tuple(read_inventory(world / "hosts.yml")), ())
    (world / "run").mkdir()
    journal = Journal(world / "run" / "journal.jsonl")
    watch = Watch(order, world / "run", journal, ladder_of(order.hosts), None)
    watch.begin(lambda _: None, lambda _: None)
    watch.conclude(EndEvent("r", "done", 1.0), within=0.05)
    assert not [line for line in read_journal(journal.path) if line.get("channel")]
    (world / "pager.gate").touch()


def test_nobody_to_send_to(world, monkeypatch, hook):
    """A secret that leads nowhere costs the recovery nothing."""
    monkeypatch.delenv("WATCH_HOOK")
    (world / "log.gate").touch()
    assert main(command(world)) == 0
    assert not [each for each in notices(world) if each[1] == "sent"]


def test_no_notify(world, hook):
    """A rehearsal tells nobody, and neither does a bad ladder stop it."""
    (world / "log.gate").touch()
    assert main([*command(world), "--no-notify"]) == 0
    text = (world / "hosts.yml").read_text()
    (world / "hosts.yml").write_text(text.replace("tell: [cto]", "tell: [ctoo]"))
    assert main(command(world)) == 21
    assert main([*command(world), "--no-notify"]) == 0
    assert not hook.got


def test_a_failed_run_says_why(world, hook):
    """The last message of a run that failed has the reason and the command that goes on."""
    failing = "title: Fails\nsteps:\n  - {id: bad, sh: exit 3, changes: nothing}\n"
    assert main(command(world, failing)) == 10
    (last,) = (got["text"] for got in hook.got if got["text"].startswith("@oncall *[drillyard] page: FAILED"))
    assert "ended with code 3" in last
    assert "drillyard resume" in last


def test_a_kill_at_every_line_tells_everybody(world, hook):
    """Wherever the controller dies, each contact due is told at least once, and no more than once a life."""
    (world / "log.gate").touch()
    arguments = command(world)
    for last in range(2, 16, 4):
        hook.got.clear()
        for path in sorted(world.glob("runs/*/*"), reverse=True):
            path.unlink()
        for path in world.glob("runs/*-*"):
            path.rmdir()
        killed = subprocess.run(
            [sys.executable, KILLER, str(last), *arguments], env=os.environ, capture_output=True, check=False
        )
        (journal,) = world.glob("runs/*/journal.jsonl")
        if any(line["kind"] == "end" for line in read_journal(journal)):
            break
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        first = sum("under way" in got["text"] for got in hook.got if got["text"].startswith("@oncall"))
        assert main(resume(world)) == 0
        told = sum("under way" in got["text"] for got in hook.got if got["text"].startswith("@oncall"))
        assert 1 <= told <= 1 + first
