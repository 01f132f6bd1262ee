"""What was done is taken back when a later step fails, and what rests on it is done again by a resume."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from agent.record.journal import read_journal
from agent.runbook.load import load_page
from tests.runbook.sweep import ends

KILLER = Path(__file__).with_name("killed_at.py")


@pytest.fixture
def world(tmp_path):
    """An inventory of two local hosts, a folder for pages, one for runs."""
    (tmp_path / "hosts.yml").write_text(
        f"""all:
  vars: {{ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}
  children:
    here: {{hosts: {{one: , two: }}}}
"""
    )
    return tmp_path


def page(world: Path, text: str) -> list[str]:
    """Write a page; return the arguments that run it on the first host, unless it says where."""
    said = text.replace("LOG", str(world / "log"))
    (world / "page.yml").write_text(said if "on:" in said else f"on: one\n{said}")
    return ["run", str(world / "page.yml"), "-i", str(world / "hosts.yml"), "--runs", str(world / "runs")]


def journal(world: Path) -> list[dict]:
    """The lines of the only run's journal."""
    (path,) = (world / "runs").glob("*/journal.jsonl")
    return list(read_journal(path))


def test_what_was_done_is_undone_when_a_later_step_fails(world):
    """Undo runs in reverse order; a resume then does those steps again, and undoes them again."""
    arguments = page(
        world,
        """
title: Undo
steps:
  - {id: one, sh: echo one >> LOG, changes: a line, undo: {sh: echo not one >> LOG, changes: a line}}
  - {id: two, sh: echo two >> LOG, changes: a line, undo: {sh: echo not two >> LOG, changes: a line}}
  - {id: gate, sh: test -e LOG.gate, changes: passes}
""",
    )
    once = ["one", "two", "not two", "not one"]
    resume = ["resume", "latest", "--runs", str(world / "runs")]
    assert main(arguments) == 10
    assert (world / "log").read_text().splitlines() == once
    assert main(resume) == 10
    assert (world / "log").read_text().splitlines() == once * 2
    (world / "log.gate").touch()
    assert main(resume) == 0
    assert (world / "log").read_text().splitlines() == [*once, *once, "one", "two"]


RESTS_ON = """
title: What rests on what was undone
steps:
  - {id: before, sh: echo before >> LOG, changes: a line}
  - id: stop
    sh: echo stop >> LOG
    changes: a line
    undo: {id: started, when: not served, sh: test ! -e LOG.broken && echo start >> LOG, changes: a line}
  - {id: copy, sh: echo copy >> LOG, changes: a line}
  - {id: left-out, when: "'x' in host.name", sh: echo never >> LOG}
  - {id: gate, sh: test -e LOG.gate, changes: passes}
  - {id: serve, sh: echo serve >> LOG, changes: a line, register: served}
  - {id: late, sh: test -e LOG.late, changes: passes}
"""


def test_what_was_done_on_top_of_what_is_undone_is_done_again(world):
    """A copy of a stopped service is none of one that was started again; what came before it holds."""
    arguments = page(world, RESTS_ON)
    resume = ["resume", "latest", "--runs", str(world / "runs")]
    assert main(arguments) == 10
    once = ["before", "stop", "copy", "start"]
    assert (world / "log").read_text().splitlines() == once
    (world / "log.gate").touch()
    assert main(resume) == 10
    # It serves now: there is nothing to be undone any more, and nothing to be done again.
    served = [*once, "stop", "copy", "serve"]
    assert (world / "log").read_text().splitlines() == served
    (world / "log.late").touch()
    assert main(resume) == 0
    assert (world / "log").read_text().splitlines() == served


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_an_undo_that_was_cut_off_is_ended_first(world, whole):
    """The resume ends it and fails as the run would have; the next goes forward, from what was taken back.

    On every change behind the first line of each kind, and at night behind each.
    """
    arguments = page(world, RESTS_ON)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    resume = ["resume", "latest", "--runs", str(world / "runs")]
    assert main(arguments) == 10
    states = [line.get("step") for line in journal(world)]
    begun = states.index("started")
    lines = len(journal(world))
    for last in [begun + place for place in ends(journal(world)[begun:], whole)]:
        for path in sorted(world.glob("runs/*/*"), reverse=True):
            path.unlink()
        for path in world.glob("runs/*-*"):
            path.rmdir()
        for name in ("log", "log.gate", "log.late"):
            (world / name).unlink(missing_ok=True)
        killed = subprocess.run(
            [sys.executable, KILLER, str(last), *arguments], env=env, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        (world / "log.gate").touch()
        (world / "log.late").touch()
        if last < lines:
            assert main(resume) == 10, f"killed at line {last}"
            said = (world / "log").read_text().splitlines()
            assert said == ["before", "stop", "copy", "start"], f"killed at line {last}"
        assert main(resume) == 0, f"killed at line {last}"
        said = (world / "log").read_text().splitlines()
        assert said == ["before", "stop", "copy", "start", "stop", "copy", "serve"], f"killed at line {last}"


def test_where_an_undo_fails_its_step_is_done_again(world):
    """Nobody knows how far it came; the resume does not try it once more, it goes on."""
    arguments = page(world, RESTS_ON)
    (world / "log.broken").touch()
    assert main(arguments) == 10
    (world / "log.broken").unlink()
    (world / "log.gate").touch()
    (world / "log.late").touch()
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 0
    said = (world / "log").read_text().splitlines()
    assert said == ["before", "stop", "copy", "stop", "copy", "serve"]


def test_what_rests_on_it_may_be_on_another_host(world):
    """Where one host's failure ends the page on all, that is done again there too."""
    arguments = page(
        world,
        """
title: Over two hosts
any_errors_fatal: true
on: here
steps:
  - id: stop
    on: one
    sh: echo stop >> LOG
    changes: a line
    undo: {on: one, sh: echo start >> LOG, changes: a line}
  - {id: copy, on: two, sh: echo copy >> LOG, changes: a line}
  - {id: gate, on: two, sh: test -e LOG.gate, changes: passes}
""",
    )
    assert main(arguments) == 10
    (world / "log.gate").touch()
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 0
    assert (world / "log").read_text().splitlines() == ["stop", "copy", "start", "stop", "copy"]


def test_a_page_that_stops_the_application_starts_it_again(world):
    """Where it fails between the stop and the start; once it was started it stays where it is."""
    found = load_page("mongodb_pitr")
    stop = next(step for step in found.steps if step.id == "stop")
    assert stop.undo is not None
    assert (stop.undo.do, stop.undo.concerns(found.system)) == ("service.start", "app")
    start = next(step for step in found.steps if step.id == "start")
    assert stop.undo.when == f"not {start.register}"
    again = [step.id for step in found.steps_after(stop) if step in found.steps]
    assert again[:5] == ["last", "whole", "replay", "point", "switch"]


def test_what_was_left_out_is_not_undone_by_a_resume(world):
    """Neither by the run that left it out."""
    arguments = page(
        world,
        """
title: Left out
steps:
  - id: one
    when: "false"
    sh: echo one >> LOG
    changes: a line
    undo: {sh: echo not one >> LOG, changes: a line}
  - {id: gate, sh: echo gate >> LOG; exit 4, changes: a line}
""",
    )
    assert main(arguments) == 10
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 10
    assert (world / "log").read_text() == "gate\ngate\n"
