"""Locks: what a run leaves says so, and a person breaks it on purpose, by its name, before witnesses."""

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from agent.cli import main
from agent.inventory import read_inventory
from agent.record import audit, lock
from agent.runbook.events import UnlockEvent
from agent.transport.choose import open_road
from agent.transport.perform import perform
from tests.documents import ROOT

HOSTS = """all:
  vars: {{ansible_connection: local, serves: {{redis: {{supervisor: systemd, unit: redis-server}}}}}}
  children:
    safe: {{hosts: {{a: {{drillyard_state_dir: {0}/a}}, b: {{drillyard_state_dir: {0}/b, serves: {{}}}}}}}}
    real: {{hosts: {{p: {{drillyard_state_dir: {0}/p, env: production}}}}}}
"""
CAREFUL = """
title: Careful
on: b
steps:
  - {id: one, sh: "true", changes: nothing}
  - {id: two, confirm: Really?, sh: "true", changes: nothing}
"""
OTHER = {"run": "r1", "who": "ann@laptop", "reason": "why", "since": "2026-01-01T00:00:00+00:00"}


class World:
    """Three local hosts with a folder each: a and p (production) serve Redis, b serves nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        (folder / "hosts.yml").write_text(HOSTS.format(folder))
        self.inventory = ["-i", str(folder / "hosts.yml")]

    def lock(self, host: str, name: str = "redis", text: str = json.dumps(OTHER)) -> Path:
        """Have a lock on a host that nobody here took."""
        path = self.folder / host / "locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def unlock(self, name: str, limit: str, *more: str) -> list[str]:
        """The words that break it."""
        words = ["unlock", name, *self.inventory, "--limit", limit, "--reason", "laptop died"]
        return [*words, "--runs", str(self.runs), *more]

    def run(self, page: str, *more: str) -> list[str]:
        """The words that run a page."""
        (self.folder / "careful.yml").write_text(page)
        return ["run", str(self.folder / "careful.yml"), *self.inventory, "--runs", str(self.runs), *more]

    def audit(self) -> list[dict]:
        """The lines of the audit."""
        return [json.loads(line) for line in (self.runs / audit.NAME).read_text().splitlines()]


@pytest.fixture
def world(tmp_path):
    """A world of three hosts."""
    return World(tmp_path)


def test_the_intention_is_in_the_audit_and_then_the_outcome(world, capsys):
    """Whose lock it was stands in both, and the chain holds."""
    path = world.lock("a")
    assert main(world.unlock("redis", "a")) == 0
    assert not path.exists()
    assert "a: redis was held by run r1 of ann@laptop since 2026-01-01" in capsys.readouterr().out
    first, second = world.audit()
    assert [first["event"], second["event"], second["outcome"]] == ["unlocking", "unlock", "broken"]
    for line in (first, second):
        assert (line["host"], line["service"], line["reason"]) == ("a", "redis", "laptop died")
        assert "ann@laptop" in line["held_by"]
    assert audit.verify(world.runs).lines == 2


def test_without_an_audit_no_lock_is_broken(world, capsys):
    """The intention cannot be written: the lock stays, and the sentence says so."""
    path = world.lock("a")
    world.runs.write_text("a file stands in the way")
    assert main(world.unlock("redis", "a")) == 51
    assert path.exists()
    said = capsys.readouterr().err
    assert "No lock was broken." in said
    assert "--runs" in said


def test_a_lock_that_cannot_be_broken_is_in_the_audit_as_unknown(world, monkeypatch):
    """Whoever reads it later sees that it was tried, and how that ended."""
    path = world.lock("a")
    monkeypatch.setattr(lock, "_BREAK", "echo no >&2; exit 1")
    assert main(world.unlock("redis", "a")) == 10
    assert path.exists()
    assert [line["event"] for line in world.audit()] == ["unlocking", "unlock"]
    assert world.audit()[1]["outcome"].startswith("unknown: a: ")


def test_a_lock_that_changed_hands_is_left_alone(world, monkeypatch, capsys):
    """Between the look and the break another took it: that one is alive."""
    path = world.lock("a")
    monkeypatch.setattr(lock, "_BREAK", f"echo taken > {path}; " + lock._BREAK)
    assert main(world.unlock("redis", "a")) == 24
    assert path.read_text() == "taken\n"
    assert "changed hands" in capsys.readouterr().err
    assert "left alone" in world.audit()[1]["outcome"]


@pytest.mark.parametrize("text", ["", "\n", "\0\0\0", "{torn", "two\nlines"])
def test_a_lock_that_says_nothing_is_broken_too(world, text):
    """A host that lost its power may leave one so; nobody can resume out of it."""
    path = world.lock("a", text=text)
    assert main(world.unlock("redis", "a")) == 0
    assert not path.exists()


def test_a_production_hosts_lock_needs_its_name(world, capsys):
    """Unnamed nothing is broken, also on the hosts beside it; with --confirm it is."""
    paths = [world.lock("a"), world.lock("p")]
    assert main(world.unlock("redis", "a,p")) == 23
    assert "--confirm p" in capsys.readouterr().err
    assert all(path.exists() for path in paths)
    assert not (world.runs / audit.NAME).exists()
    assert main(world.unlock("redis", "a,p", "--confirm", "p")) == 0
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize(("typed", "code"), [("p", 0), ("yes", 23)])
def test_its_name_may_be_typed(world, typed, code):
    """At a terminal it is asked for, and only the name will do."""
    path = world.lock("p")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", *world.unlock("redis", "p")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.write(ours, f"{typed}\n".encode())
    _, err = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, path.exists()) == (code, code != 0), err
    assert "Type its name" in err.decode()


def test_what_nobody_holds_is_said_to_be_free(world, capsys):
    """Nothing is broken then, so nothing has to be named or noted."""
    assert main(world.unlock("redis", "p")) == 0
    assert "p: redis was held by nobody; it is free." in capsys.readouterr().out
    assert not (world.runs / audit.NAME).exists()


def test_a_lock_by_a_pages_name_is_broken(world, capsys):
    """It lies on hosts that serve nothing of the page; others are left alone."""
    path, other = world.lock("b", "careful"), world.lock("a")
    assert main(world.unlock("careful", "all")) == 0
    assert not path.exists()
    assert other.exists()
    assert capsys.readouterr().out.startswith("b: careful was held by run r1")


def test_a_host_that_is_not_reached_keeps_no_other_locked(world, capsys):
    """It is told, and makes the exit code; a page's lock may be there, so nobody says it is not."""
    inventory = world.folder / "hosts.yml"
    away = "ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9, "
    inventory.write_text(inventory.read_text().replace("b: {", "b: {" + away))
    path = world.lock("a", "careful")
    for _ in range(2):
        assert main(world.unlock("careful", "a,b")) == 30
        assert "drillyard: b: " in capsys.readouterr().err
        assert not path.exists()


@pytest.mark.parametrize(
    ("name", "said"), [("carful", "Did you mean careful?"), ("../locks/careful", "Locked there: careful.")]
)
def test_a_name_that_no_lock_has_is_refused(world, name, said, capsys):
    """Also one that would lead out of the folder of locks."""
    path = world.lock("b", "careful")
    assert main(world.unlock(name, "all")) == 22
    assert said in capsys.readouterr().err
    assert path.exists()


def test_a_run_that_stopped_says_what_is_locked_and_how_to_release_it(world, capsys):
    """The command it prints does so; so does the resume."""
    path = world.folder / "b/locks/careful"
    for _ in range(2):
        assert main(world.run(CAREFUL)) == 130
        shown = capsys.readouterr().out
        assert "Still locked: b: careful\n" in shown
        assert path.exists()
        command = shown.partition("drillyard unlock ")[2].partition("\n")[0]
        assert main(["unlock", *shlex.split(command.replace("WHY", "'laptop died'"))]) == 0
        assert not path.exists()
        assert "run 2" in capsys.readouterr().out
    assert main(world.run(CAREFUL, "--json")) == 130
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert end["locks"] == {"b": ["careful"]}
    assert len(end["unlock"]) == 1
    assert main([*shlex.split(end["resume"])[1:], "--yes"]) == 0
    assert not path.exists()
    assert "Still locked" not in capsys.readouterr().out


@pytest.mark.parametrize(("sh", "code"), [("exit 3", 10), ("exit 0", 0)])
def test_a_run_that_released_its_locks_says_nothing_of_them(world, sh, code, capsys):
    """Whether it failed or came through."""
    assert main(world.run(f"title: T\non: b\nsteps: [{{sh: {sh}, changes: x}}]\n")) == code
    assert "locked" not in capsys.readouterr().out
    assert not [*(world.folder / "b/locks").iterdir()]


def test_a_run_that_met_anothers_lock_holds_none_itself(world, capsys):
    """It names the lock to break, and calls none its own."""
    world.lock("b", "careful")
    assert main(world.run(CAREFUL)) == 24
    shown = capsys.readouterr().out
    assert "`drillyard unlock careful -i INVENTORY --limit b --reason WHY`" in shown
    assert "Still locked" not in shown


def test_a_resume_that_reaches_nobody_still_says_what_is_locked(world, capsys):
    """The life before took the locks; they lie there whether or not we get there now."""
    assert main(world.run(CAREFUL)) == 130
    capsys.readouterr()
    inventory = world.folder / "hosts.yml"
    away = "ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9, "
    inventory.write_text(inventory.read_text().replace("b: {", "b: {" + away))
    assert main(["resume", "latest", "--runs", str(world.runs), "--yes"]) == 30
    assert "Still locked: b: careful\n" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_one_sentence(world, capsys):
    """On the host, and on the controller: what was expected, what is there, and what to do."""
    (world.folder / "b").write_text("a file stands in the way")
    assert main(world.run(CAREFUL)) == 10
    shown = capsys.readouterr().out
    assert f"b: expected to write the lock on careful below {world.folder}/b, found: " in shown
    assert "drillyard_state_dir" in shown
    assert "umask" not in shown
    assert "Still locked" not in shown
    blocked = [*world.run(CAREFUL)[:-1], str(world.folder / "b/runs")]
    assert main(blocked) == 51
    said = capsys.readouterr().err
    assert "found: Not a directory. Nothing was asked of any host." in said
    assert "--runs" in said


def test_a_journal_that_cannot_be_written_is_one_sentence(world, capsys):
    """A resume would ask the hosts and keep nothing of it; a program at work can be written by nobody."""
    run = world.runs / "20260101-000000-page-0000"
    run.mkdir(parents=True)
    (run / "journal.jsonl").write_bytes(Path("/bin/sleep").read_bytes())
    (run / "journal.jsonl").chmod(0o700)
    busy = subprocess.Popen([run / "journal.jsonl", "60"])
    try:
        assert main(["resume", run.name, "--runs", str(world.runs)]) == 51
        assert "journal.jsonl), found: Text file busy." in capsys.readouterr().err
    finally:
        busy.kill()
        busy.wait()


def test_only_what_it_saw_is_broken(world):
    """By the text of the lock, whoever wrote it."""
    path = world.lock("a")
    state = str(path.parents[1])
    road = open_road(read_inventory(world.folder / "hosts.yml").hosts["a"])
    road.open()
    try:
        assert not perform(lock.break_lock(state, "redis", "another", sudo=False), road)
        assert path.exists()
        assert perform(lock.break_lock(state, "redis", path.read_text(), sudo=False), road)
        assert not path.exists()
    finally:
        road.close()


def events(capsys) -> list[dict]:
    """What was written to stdout, which is nothing but whole events."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for each in found:
        assert msgspec.to_builtins(msgspec.convert(each, UnlockEvent)) == each
    return found


def test_it_is_told_in_events(world, capsys):
    """One a host: whose it was and its line in the audit, or that nobody held it."""
    world.lock("a")
    assert main(world.unlock("redis", "a,p", "--json")) == 0
    first, second = events(capsys)
    assert (first["host"], first["lock"], first["outcome"]) == ("a", "redis", "broken")
    assert {key: first[key] for key in OTHER} == OTHER
    assert first["audit"] == audit.verify(world.runs).last
    assert second == {**second, "host": "p", "outcome": "free", "run": "", "audit": ""}


def test_what_was_not_unlocked_is_an_event_too(world, monkeypatch, capsys):
    """Left alone, unknown, not reached: with the sentence that stderr has, and its exit code."""
    path = world.lock("a")
    hosts = world.folder / "hosts.yml"
    hosts.write_text(
        hosts.read_text() + "    far: {hosts: {f: {ansible_connection: ssh, ansible_port: 1}}}\n"
    )
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lock, "_BREAK", f"echo taken > {path}; " + lock._BREAK)
        assert main(world.unlock("redis", "a,f", "--json")) == 30
    lost, left = events(capsys)
    assert (lost["host"], lost["outcome"]) == ("f", "unreachable")
    assert (left["host"], left["outcome"], left["run"]) == ("a", "left alone", "r1")
    assert "changed hands" in left["sentence"]
    monkeypatch.setattr(lock, "_BREAK", "echo no >&2; exit 1")
    assert main(world.unlock("redis", "a", "--json")) == 10
    (unknown,) = events(capsys)
    assert unknown["outcome"] == "unknown"
    assert "whether the lock on redis is broken is unknown" in unknown["sentence"]
