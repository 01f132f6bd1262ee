"""A run is carried on by one process at a time: two terminals, two machines, a copy of its folder."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli import main
from agent.record import lock
from agent.record.journal import read_journal
from agent.runbook import hold
from agent.transport.choose import open_road
from agent.transport.perform import perform
from tests.documents import ROOT

LONG = """
title: Long
steps:
  - {id: first, sh: "echo first >> LOG; while [ ! -e LOG.gate ]; do sleep 0.02; done", changes: a line}
  - {id: second, sh: echo second >> LOG, changes: a line}
"""


class World:
    """One local host, a page whose first step waits at a gate, and controllers as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.gate = folder, folder / "log", folder / "log.gate"
        self.held = folder / "state/locks/page"
        one = f"{{ansible_connection: local, drillyard_state_dir: {folder}/state}}"
        (folder / "hosts.yml").write_text(f"all: {{hosts: {{one: {one}}}}}\n")
        (folder / "page.yml").write_text(LONG.replace("LOG", str(self.log)))

    def begin(self) -> subprocess.Popen[bytes]:
        """Run the page in a process, up to the gate."""
        page, hosts = str(self.folder / "page.yml"), str(self.folder / "hosts.yml")
        process = self.start("run", page, "-i", hosts, "--runs", str(self.folder / "runs"))
        while not self.log.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        return process

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin a command line in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "agent", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def resume(self, *more: str) -> int:
        """Take the run up in this process."""
        return main(["resume", *(more or ("latest",)), "--runs", str(self.folder / "runs")])

    @property
    def run(self) -> Path:
        """The folder of the only run."""
        (journal,) = self.folder.glob("runs/*/journal.jsonl")
        return journal.parent


@pytest.fixture
def world(tmp_path):
    """A world in which nothing has happened."""
    return World(tmp_path)


def test_a_run_at_work_is_not_resumed(world, capsys):
    """The second is told who is at work; it asks nothing, and takes neither lock nor outcomes away."""
    process = world.begin()
    assert world.resume() == 24
    said = capsys.readouterr().err
    assert f"(process {process.pid})" in said
    assert "touch" in said
    assert world.held.exists()
    world.gate.touch()
    assert process.wait() == 0
    assert world.log.read_text() == "first\nsecond\n"


def test_of_two_resumers_one_goes_on(world):
    """Whoever comes first after a kill; the other asks nothing."""
    process = world.begin()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumers = [world.start("resume", "latest", "--runs", "runs") for _ in range(3)]
    world.gate.touch()
    codes = sorted(each.wait() for each in resumers)
    assert codes.count(0) == 1
    assert set(codes) <= {0, 22, 24, 50}
    assert world.log.read_text() == "first\nsecond\n"
    assert not world.held.exists()


def test_what_a_dead_one_held_is_taken_over(world):
    """And that is in the journal and in the audit."""
    process = world.begin()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    world.gate.touch()
    assert world.resume() == 0
    assert not world.held.exists()
    over = [line for line in read_journal(world.run / "journal.jsonl") if line["kind"] == "taken over"]
    assert [(line["host"], line["service"]) for line in over] == [("one", "page")]
    assert '"takes over"' in (world.folder / "runs/audit.jsonl").read_text()


def test_a_life_that_is_lived_elsewhere_is_left_alone(world, capsys):
    """The lock names a life this journal does not know: nothing is asked, released or forgotten."""
    process = world.begin()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    world.gate.touch()
    owner = json.loads(world.held.read_text())
    world.held.write_text(json.dumps({**owner, "who": "bob@second", "token": "f" * 16}))
    jobs = sorted(world.folder.glob("state/jobs/*"))
    assert world.resume() == 24
    assert "carried on elsewhere, by bob@second" in capsys.readouterr().out
    assert world.held.exists()
    assert [path for path in jobs if not path.exists()] == []
    assert world.log.read_text() == "first\n"


def test_a_copy_is_taken_up_on_purpose_only(world, capsys):
    """A plain resume refuses it; where its first controller lives, on this machine, --journal does too."""
    process = world.begin()
    copy = world.folder / "second" / world.run.name
    shutil.copytree(world.run, copy)
    assert world.resume(str(copy)) == 24
    process.send_signal(signal.SIGKILL)
    process.communicate()
    world.gate.touch()
    capsys.readouterr()
    assert world.resume(str(copy)) == 23
    assert "resume --journal" in capsys.readouterr().err
    assert world.log.read_text() == "first\n"


def test_a_controller_that_wakes_up_behind_another_asks_nothing_more(world, capsys):
    """Its laptop slept while the run was taken over and brought to its end: no step is done twice."""
    process = world.begin()
    begun = time.monotonic()
    process.send_signal(signal.SIGSTOP)
    copy = world.folder / "second" / world.run.name
    shutil.copytree(world.run, copy)
    journal = copy / "journal.jsonl"
    journal.write_text(journal.read_text().replace(f"@{socket.gethostname()}", "@laptop"))
    world.gate.touch()
    assert world.resume("--journal", str(copy), "-i", str(world.folder / "hosts.yml")) == 0
    while time.monotonic() < begun + hold._FRESH:
        # It believes its last look at the lock for so long.
        time.sleep(0.05)
    process.send_signal(signal.SIGCONT)
    said, _ = process.communicate()
    assert process.returncode == 24
    assert "expected the lock on page to be this run's still, found that there is none" in said.decode()
    assert "drillyard resume" not in said.decode()
    assert world.log.read_text() == "first\nsecond\n"


WAKES = """
title: Wakes up
steps:
  - {id: sleeps, sh: "COMMAND", changes: a lock, undo: {id: undone, sh: echo undone >> LOG, changes: a line}}
  - {id: looks, sh: echo looked >> LOG, reads: true}
  - {id: second, sh: echo second >> LOG, changes: a line}
"""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            r"sed -i 's/.token.: .[0-9a-f]*/\"token\": \"f/; s/.who.: .[^,]*,/\"who\": \"bob@b\",/' LOCK",
            "of bob@b",
        ),
        ("rm LOCK", "there is none"),
    ],
)
def test_a_lock_that_is_anothers_by_now_ends_a_run(world, monkeypatch, capsys, command, said):
    """Nothing is undone either, and the lock stays as it is; where it is ours, the run goes on."""
    monkeypatch.setattr(hold, "_FRESH", 0.0)
    page, words = (
        world.folder / "page.yml",
        ["-i", f"{world.folder}/hosts.yml", "--runs", f"{world.folder}/runs"],
    )
    steps = WAKES.replace("LOG", str(world.log))
    page.write_text(steps.replace("COMMAND", command).replace("LOCK", str(world.held)))
    assert main(["run", str(page), *words]) == 24
    printed = capsys.readouterr().out
    assert said in printed
    assert "Still locked" not in printed
    assert world.log.read_text() == "looked\n"
    assert world.held.exists() == (command != "rm LOCK")
    world.held.unlink(missing_ok=True)
    page.write_text(steps.replace("COMMAND", "cat LOCK").replace("LOCK", str(world.held)))
    assert main(["run", str(page), *words]) == 0
    assert world.log.read_text() == "looked\nlooked\nsecond\n"


def test_the_lock_goes_from_one_to_one(tmp_path):
    """Taken over from whom it was meant to be taken from, and from nobody else."""
    from agent.inventory import read_inventory

    (tmp_path / "hosts.yml").write_text("all: {hosts: {one: {ansible_connection: local}}}\n")
    road = open_road(read_inventory(tmp_path / "hosts.yml").hosts["one"], spill=None)
    state = str(tmp_path / "state")
    a, b, c = (lock.Owner("r", "ann", "why", "now", token) for token in "abc")

    def take(owner: lock.Owner, *heir_of: str) -> lock.Owner | None:
        return perform(lock.take(state, "redis", owner, sudo=False, heir_of=heir_of), road)

    assert take(a) is None
    assert take(a) is None
    with pytest.raises(lock.Locked):
        take(b)
    assert take(b, "a") == a
    with pytest.raises(lock.Locked):
        take(c, "a")
    assert not perform(lock.release(state, "redis", a, sudo=False), road)
    assert perform(lock.holder(state, "redis", sudo=False), road) == b
    assert perform(lock.release(state, "redis", b, sudo=False), road)
    assert [path.name for path in (tmp_path / "state/locks").iterdir()] == []
    road.close()


INCLUDES = """
title: Outer
steps:
  - {id: first, sh: "echo first >> LOG; while [ ! -e LOG.gate ]; do sleep 0.02; done", changes: a line}
  - {id: inner, include: inner, with: {word: second}}
"""
INNER = "title: Inner\nparams: {word: {}}\nsteps: [{id: say, include: innermost, with: {word: third}}]\n"
INNERMOST = """title: Innermost
params: {word: {}}
steps: [{id: say, sh: "echo {{ word }} >> LOG", changes: a line}]
"""


@pytest.fixture
def second(world):
    """A second controller's copy of a run whose first is dead, with no page and no inventory beside it."""
    texts = {"page": INCLUDES, "inner": INNER, "innermost": INNERMOST}
    for name, text in texts.items():
        (world.folder / f"{name}.yml").write_text(text.replace("LOG", str(world.log)))
    process = world.begin()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    world.gate.touch()
    copy = world.folder / "second/runs" / world.run.name
    shutil.copytree(world.run, copy)
    shutil.rmtree(world.run)
    for name in texts:
        (world.folder / f"{name}.yml").unlink()
    return copy


@pytest.mark.parametrize("named", ["", "journal.jsonl"])
def test_a_second_controller_goes_on_from_a_copy(world, second, capsys, named):
    """The folder is all it needs, beside an inventory that is given anew."""
    (world.folder / "hosts.yml").rename(world.folder / "elsewhere.yml")
    assert world.resume("--journal", str(second / named)) == 22
    assert "-i PATH" in capsys.readouterr().err
    assert world.resume("--journal", str(second / named), "-i", str(world.folder / "elsewhere.yml")) == 0
    assert world.log.read_text() == "first\nthird\n"
    assert not world.held.exists()
    assert '"takes over"' in (second.parent / "audit.jsonl").read_text()


def test_an_inventory_is_found_from_the_copy(world, second):
    """As far from the run's folder as it was."""
    (world.folder / "hosts.yml").rename(world.folder / "second/hosts.yml")
    assert world.resume("--journal", str(second)) == 0


def test_an_altered_copy_is_refused(world, second, capsys):
    """By the name of the file, and nothing is asked."""
    (inner,) = second.glob("included/*-innermost.yml")
    inner.write_text(inner.read_text().replace("echo", "echo not"))
    assert world.resume("--journal", str(second)) == 50
    assert "innermost.yml is not the page" in capsys.readouterr().err
    assert world.log.read_text() == "first\n"
    assert world.resume() == 22
    assert main(["resume"]) == 64


def test_a_run_is_on_disk_before_it_begins(world, monkeypatch):
    """Its pages, and the folders that name them: a power cut leaves no run without its page."""
    synced = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    world.gate.touch()
    words = ["run", str(world.folder / "page.yml"), "-i", str(world.folder / "hosts.yml")]
    assert main([*words, "--runs", str(world.folder / "runs")]) == 0
    run = world.run
    assert {str(run / "page.yml"), str(run), str(run.parent)} <= {*synced}
