"""What holds an operator back at 3 a.m., and what ends a run: real signals to a real process."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from agent.cli import ended_at_once, main
from agent.record import audit
from agent.record.flight import in_flight
from tests.documents import ROOT

HOSTS = """all:
  vars: {{ansible_connection: local, drillyard_state_dir: {0}/state}}
  children:
    safe: {{hosts: {{a: , b: , c: }}}}
    real: {{hosts: {{p: }}, vars: {{env: production}}}}
"""
LONG = """
title: Long
on: a
steps:
  - id: first
    sh: "echo first >> LOG; while [ ! -e LOG.gate ]; do sleep 0.02; done; echo gone on >> LOG"
    changes: two lines
  - {id: second, sh: echo second >> LOG, changes: a line}
"""
SHORT = "title: Short\non: ON\nsteps: [{id: one, sh: echo one >> LOG, changes: a line}]\n"


class World:
    """An inventory, a page, and the command line as a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.gate = folder / "log.gate"
        (folder / "hosts.yml").write_text(HOSTS.format(folder))

    def arguments(self, page: str, *more: str) -> list[str]:
        """Write a page; return the words that run it."""
        (self.folder / "page.yml").write_text(page.replace("LOG", str(self.log)))
        place = ["-i", str(self.folder / "hosts.yml"), "--runs", str(self.folder / "runs")]
        return ["run", str(self.folder / "page.yml"), *place, *more]

    def start(self, arguments: list[str], **streams: object) -> subprocess.Popen[bytes]:
        """Begin it in a process of its own."""
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "agent", *arguments],
            env=env,
            cwd=self.folder,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )  # type: ignore[call-overload]

    def begun(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the first step has begun on the host."""
        while not self.log.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)

    def resume(self) -> int:
        """Go on with the newest run."""
        return main(["resume", "latest", "--runs", str(self.folder / "runs")])


@pytest.fixture
def world(tmp_path):
    """A world of four hosts, one of them production; all are this machine."""
    return World(tmp_path)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, "file"])
def test_a_run_ends_after_the_current_ask(world, sign):
    """What is in flight ends, nothing follows, the command to go on is printed, and it goes on."""
    process = world.start(world.arguments(LONG))
    world.begun(process)
    if sign == "file":
        (run,) = world.folder.glob("runs/*-*")
        (run / "stop").touch()
    else:
        process.send_signal(sign)
        assert b"press Ctrl-C again" in process.stderr.readline()
    world.gate.touch()
    out, _ = process.communicate()
    assert process.returncode == 130
    assert "drillyard resume" in out.decode()
    assert world.log.read_text() == "first\ngone on\n"
    assert world.resume() == 0
    assert world.log.read_text() == "first\ngone on\nsecond\n"


def test_a_second_ctrl_c_ends_at_once(world):
    """It says what is in flight and unknown; resume finds it, and does it no second time."""
    process = world.start(world.arguments(LONG))
    world.begun(process)
    process.send_signal(signal.SIGINT)
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "a: first: two lines (echo first" in err.decode()
    assert f"drillyard resume {world.folder}/runs/" in err.decode()
    assert "Still locked: a: page." in err.decode()
    assert "drillyard unlock page -i " in err.decode()
    assert world.log.read_text() == "first\n"
    world.gate.touch()
    assert world.resume() == 0
    assert world.log.read_text() == "first\ngone on\nsecond\n"


def test_ctrl_c_is_answered_in_korean_where_korean_is_spoken(world):
    """Both times: what happens now, what is unknown, how to go on, what stays locked."""
    process = world.start(world.arguments(LONG, "--lang", "ko"))
    world.begun(process)
    process.send_signal(signal.SIGINT)
    assert "진행 중인 작업 후 종료합니다" in process.stderr.readline().decode()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    said = err.decode().splitlines()
    assert said[0] == "즉시 종료했습니다. 진행 중이었고 결과를 알 수 없음:"
    assert said[2].startswith("계속하려면: drillyard resume ")
    assert said[3] == "아직 잠겨 있음: a: page. 재개하면 풀리며, 아무도 재개하지 않을 때만:"


def test_ctrl_c_in_place_of_a_production_hosts_name(world):
    """Nothing had begun, and it says so: there is no run to resume."""
    ours, theirs = pty.openpty()
    process = world.start(world.arguments(SHORT.replace("ON", "p"), "--lang", "ko"), stdin=theirs)
    asked = b""
    while not asked.endswith(b": "):
        more = os.read(process.stderr.fileno(), 1000)
        assert more, "it ended without asking"
        asked += more
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 130
    assert "작업하려면 호스트 이름을 입력하십시오: " in asked.decode()
    assert "p was not named, and was left alone: nothing was changed." in err.decode()
    assert not (world.folder / "runs").exists()


def test_ctrl_c_in_a_verb_that_only_looks(world):
    """It is told from a run: nothing is unknown, and nothing is to be resumed."""
    slow = world.folder / "slow"
    slow.write_text(f"#!/bin/sh\ntouch {world.log}\nexec sleep 60\n")
    slow.chmod(0o755)
    process = world.start(["hosts", "-i", str(slow)])
    world.begun(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode() == "drillyard: ended at once. It only looks: nothing was changed.\n"


@pytest.mark.parametrize(
    ("verb", "ended"), [("check", True), ("hosts", True), ("run", False), ("backup", False)]
)
def test_ctrl_c_in_a_look_waits_for_no_host(monkeypatch, capfd, verb, ended):
    """The process ends there and then, threads that wait for a frozen host and all; what acts does not."""
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with suppress(KeyboardInterrupt), ended_at_once([verb]):
        signal.raise_signal(signal.SIGINT)
    assert codes == [130] * ended
    assert ("It only looks: nothing was changed." in capfd.readouterr().err) == ended
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_in_flight_is_read_from_the_journal():
    """A change without its answer is unknown; a step between two asks changes nothing."""
    step = {"kind": "step", "step": "s", "host": "h", "state": "started"}
    ask = {"kind": "ask", "step": "s", "host": "h", "ask": "rm x", "changes": "removes x"}
    answer = {"kind": "answer", "step": "s", "host": "h"}
    assert in_flight([step, ask])["s", "h"] == "removes x (rm x)"
    assert in_flight([step, ask, answer])["s", "h"] == "it was looking; nothing is being changed"
    assert in_flight([{"kind": "run"}, step, ask, answer, {**step, "state": "done"}]) == {}


@pytest.mark.parametrize(("typed", "code"), [("p", 0), ("yes", 23), ("", 23)])
def test_a_production_hosts_name_is_typed(world, typed, code):
    """At a terminal its name is asked for, and only the name will do."""
    ours, theirs = pty.openpty()
    process = world.start(world.arguments(SHORT.replace("ON", "p")), stdin=theirs)
    os.write(ours, f"{typed}\n".encode())
    _, err = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, world.log.exists()) == (code, code == 0)
    assert "Type its name" in err.decode()


def test_more_hosts_than_meant_are_refused(world, capsys):
    """--max-hosts holds before anything is asked of anybody."""
    assert main(world.arguments(SHORT.replace("ON", "safe"), "--max-hosts", "2")) == 23
    assert "would touch 3 hosts, more than the 2" in capsys.readouterr().err
    assert not world.log.exists()
    assert main(world.arguments(SHORT.replace("ON", "safe"), "--max-hosts", "3")) == 0


def test_the_hosts_that_failed_last_time(world, capsys):
    """--limit @failed means them, a part like any other; where nobody failed it says so."""
    arguments = world.arguments("title: T\non: safe\nsteps: [{sh: '[ {{ host.name }} = b ]', changes: x}]\n")
    assert main(arguments) == 10
    hosts = ["hosts", "-i", str(world.folder / "hosts.yml"), "--json", "--limit"]
    env = pytest.MonkeyPatch()
    env.setenv("DRILLYARD_RUNS", str(world.folder / "runs"))
    try:
        capsys.readouterr()
        for limit, names in (("@failed", "ac"), ("safe:!@failed", "b"), ("@failed:&a", "a")):
            assert main([*hosts, limit]) == 0
            assert [json.loads(line)["host"] for line in capsys.readouterr().out.split("\n")[:-1]] == [*names]
        assert main([*arguments, "--limit", "@failed"]) == 10
        (world.folder / "some").write_text("# retry\nb\n")
        assert main([*arguments, "--limit", f"@{world.folder}/some"]) == 0
        assert main([*hosts, "@failed"]) == 22
        assert "no host failed" in capsys.readouterr().err
        (world.folder / "some").write_text("bb\n")
        assert main([*hosts, f"@{world.folder}/some"]) == 22
    finally:
        env.undo()


def test_the_audit_is_held_to_the_hash_a_run_ended_with(world, capsys, monkeypatch):
    """It says who, from where, and a line cut off its end is seen with --last."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
    runs = world.folder / "runs"
    assert main(world.arguments(SHORT.replace("ON", "a"), "--reason", "why")) == 0
    shown = capsys.readouterr().out
    last = next(line for line in shown.splitlines() if line.startswith("Audit ends with")).split()[-1]
    verify = ["audit", "verify", "--runs", str(runs), "--last", last]
    assert main(verify) == 0
    lines = (runs / audit.NAME).read_text().splitlines(keepends=True)
    assert {"from": "192.0.2.7", "reason": "why", "hosts": ["a"]}.items() <= json.loads(lines[0]).items()
    audit.note(runs, "run", run="another")
    assert main(verify) == 0
    (runs / audit.NAME).write_text("".join(lines[:-1]))
    assert main(verify[:-2]) == 0
    assert main(verify) == 50
    assert "cut off its end" in capsys.readouterr().err


def test_hosts_as_a_tree(world, capsys):
    """Groups, their children, and who is in them."""
    assert main(["hosts", "-i", str(world.folder / "hosts.yml"), "--graph", "--limit", "!b"]) == 0
    tree = ["@all:", "  |--@real:", "  |  |--p", "  |--@safe:", "  |  |--a", "  |  |--c"]
    assert capsys.readouterr().out.splitlines() == tree


def test_a_lock_is_shown_with_its_owner_and_age(world, capsys):
    """`hosts --ping` says whose it is: a dead owner's is seen before it is in the way."""
    lock = world.folder / "state/locks/redis"
    lock.parent.mkdir(parents=True)
    owner = {"run": "r1", "who": "ann@laptop", "reason": "why", "since": "2026-01-01T00:00:00+00:00"}
    lock.write_text(json.dumps(owner))
    assert main(["hosts", "-i", str(world.folder / "hosts.yml"), "--ping", "--limit", "a"]) == 0
    shown = capsys.readouterr().out
    assert "redis is locked by run r1 of ann@laptop (why) for " in shown
    assert " days, " in shown
