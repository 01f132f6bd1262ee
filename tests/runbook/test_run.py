"""A page runs in order, leaves its journal, and is taken up where it was cut off."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli import main
from agent.record.journal import read_journal
from tests.runbook.sweep import ends

KILLER = Path(__file__).with_name("killed_at.py")


@pytest.fixture
def world(tmp_path):
    """An inventory of one local host, a folder for pages, one for runs."""
    (tmp_path / "hosts.yml").write_text(
        f"""all:
  vars: {{ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}
  children:
    here: {{hosts: {{one: }}}}
"""
    )
    return tmp_path


def page(world: Path, text: str) -> list[str]:
    """Write a page; return the arguments that run it."""
    (world / "page.yml").write_text(text.replace("LOG", str(world / "log")))
    return ["run", str(world / "page.yml"), "-i", str(world / "hosts.yml"), "--runs", str(world / "runs")]


def journal(world: Path) -> list[dict]:
    """The lines of the only run's journal."""
    (path,) = (world / "runs").glob("*/journal.jsonl")
    return list(read_journal(path))


THREE = """
title: Three lines
steps:
  - {id: one, sh: echo one >> LOG, changes: a line}
  - {id: two, sh: echo two >> LOG; cat LOG, changes: a line, register: two}
  - {id: three, when: "'one' in two.out", sh: echo three >> LOG, changes: a line}
  - {id: four, when: "two.rc == 7", sh: echo four >> LOG, changes: a line}
prove:
  - {id: counted, sh: test $(wc -l < LOG) -eq 3, reads: true}
after:
  - {en: Write the report, ko: 보고서 작성}
  - {en: The log is there, check: {sh: test -s LOG, reads: true}}
"""


def test_steps_run_in_order(world, capsys):
    """Each step that is wanted runs once, in order; one that is not is skipped, and said to be."""
    assert main(page(world, THREE)) == 0
    assert (world / "log").read_text() == "one\ntwo\nthree\n"
    shown = capsys.readouterr().out
    assert "not needed" in shown
    assert "[ ] Write the report" in shown
    assert "[x] The log is there" in shown
    states = [(line["step"], line["state"]) for line in journal(world) if line["kind"] == "step"]
    assert ("four", "skipped") in states
    assert states[-2:] == [("the-log-is-there", "started"), ("the-log-is-there", "done")]


def test_events_as_json(world, capsys):
    """With --json every event is one JSON object on a line of its own."""
    assert main([*page(world, THREE), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0]["event"] == "run"
    assert events[-1]["outcome"] == "done"
    done = [event for event in events if event.get("state") == "done"]
    assert [event["step"] for event in done] == ["one", "two", "three", "counted"]
    assert done[0]["changed"]
    assert not done[-1]["changed"]


def test_a_failed_step_ends_the_run_and_resume_goes_on(world, capsys):
    """What was done is not done again; the step that failed is tried afresh."""
    arguments = page(
        world,
        """
title: Waits for a file
steps:
  - {id: one, sh: echo one >> LOG, changes: a line}
  - {id: gate, sh: test -e LOG.gate, changes: passes}
  - {id: two, sh: echo two >> LOG, changes: a line}
""",
    )
    assert main(arguments) == 10
    assert "expected 0" in capsys.readouterr().out
    (world / "log.gate").touch()
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 0
    assert (world / "log").read_text() == "one\ntwo\n"
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 22


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_a_kill_at_every_line_of_the_journal_is_survived(world, whole):
    """Wherever the controller dies, resume ends in the same state, and no line is written twice.

    On every change behind the first line of each kind, and at night behind each.
    """
    arguments = page(world, THREE)
    assert main(arguments) == 0
    places = ends(journal(world), whole)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for last in places[:-1]:
        for path in sorted(world.glob("runs/*/*"), reverse=True):
            path.unlink()
        for path in world.glob("runs/*-*"):
            path.rmdir()
        (world / "log").unlink()
        killed = subprocess.run(
            [sys.executable, KILLER, str(last), *arguments], env=env, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert main(["resume", "latest", "--runs", str(world / "runs")]) == 0, f"killed at line {last}"
        assert (world / "log").read_text() == "one\ntwo\nthree\n", f"killed at line {last}"


def test_a_command_still_running_is_waited_for(world):
    """A controller killed while a command runs finds it on resume, and does not start it again."""
    gate = world / "gate"
    arguments = page(
        world,
        f"""
title: Long
steps:
  - id: long
    sh: "echo begun >> LOG; while [ ! -e {gate} ]; do sleep 0.05; done; echo ended >> LOG"
    changes: two lines
    register: long
""",
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    # Line 1 is the head, then the lock's ask and answer, the step, and the ask that is in flight.
    process = subprocess.Popen([sys.executable, "-m", "agent", *arguments], env=env, cwd=world)
    while not (world / "log").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    gate.touch()
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 0
    assert (world / "log").read_text() == "begun\nended\n"


def test_two_runs_on_one_service_are_refused(world, capsys):
    """A second run says whose the lock is; breaking it on purpose is in the audit."""
    arguments = page(
        world,
        """
title: Fails
system: redis
on: here
steps:
  - {id: fails, sh: exit 3, changes: nothing}
""",
    )
    lock = world / "state" / "locks" / "redis"
    (world / "hosts.yml").write_text(
        f"""all:
  vars: {{ansible_connection: local, drillyard_state_dir: {world}/state}}
  children:
    here: {{hosts: {{one: {{serves: {{redis: {{supervisor: systemd, unit: redis-server}}}}}}}}}}
"""
    )
    lock.parent.mkdir(parents=True)
    lock.write_text('{"run": "other", "who": "ann@laptop", "reason": "why", "since": "2026-01-01"}')
    assert main(arguments) == 24
    assert "ann@laptop" in capsys.readouterr().out
    unlock = ["unlock", "redis", "-i", str(world / "hosts.yml"), "--runs", str(world / "runs")]
    assert main([*unlock, "--reason", "laptop died"]) == 0
    assert main(arguments) == 10
    assert not lock.exists()
    assert "laptop died" in (world / "runs" / "audit.jsonl").read_text()


def test_rescue_and_always(world):
    """Where the block fails the rescue runs instead, and what must always run does."""
    arguments = page(
        world,
        """
title: Rescue
steps:
  - id: try
    block:
      - {id: bad, sh: exit 4, changes: nothing}
      - {id: never, sh: echo never >> LOG, changes: a line}
    rescue:
      - {id: rescued, sh: echo rescued >> LOG, changes: a line}
    always:
      - {id: always, sh: echo always >> LOG, changes: a line}
""",
    )
    assert main(arguments) == 0
    assert (world / "log").read_text() == "rescued\nalways\n"


def test_what_was_rescued_is_not_begun_again(world):
    """A run that ends later and is resumed leaves the rescue as it stands, though the block would do now."""
    arguments = page(
        world,
        """
title: Rescued
steps:
  - id: try
    block:
      - {id: bad, sh: "echo tried >> LOG; test -e LOG.mended", changes: a line}
    rescue:
      - {id: rescued, sh: echo rescued >> LOG, changes: a line}
  - {id: gate, sh: test -e LOG.gate, changes: passes}
""",
    )
    assert main(arguments) == 10
    for name in ("log.mended", "log.gate"):
        (world / name).touch()
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 0
    assert (world / "log").read_text() == "tried\nrescued\n"


def test_who_cannot_be_tidied_up_goes_no_further(world):
    """A failing `always` fails its host, whatever the block came to."""
    arguments = page(
        world,
        """
title: Always
steps:
  - id: try
    block:
      - {id: good, sh: echo good >> LOG, changes: a line}
    always:
      - {id: tidy, sh: exit 4, changes: nothing}
  - {id: next, sh: echo next >> LOG, changes: a line}
""",
    )
    assert main(arguments) == 10
    assert (world / "log").read_text() == "good\n"


def test_a_step_is_tried_again(world):
    """`retry` repeats a failing step, and `until` one whose result is not yet right."""
    arguments = page(
        world,
        """
title: Retry
steps:
  - id: again
    sh: echo x >> LOG; wc -l < LOG
    changes: a line
    retry: {times: 5, every: 0.01, until: "result.out | int >= 3"}
""",
    )
    assert main(arguments) == 0
    assert (world / "log").read_text() == "x\n" * 3


def test_production_needs_its_name(world, capsys):
    """A production host that was not named is refused before anything is asked of it."""
    text = (world / "hosts.yml").read_text().replace("vars: {", "vars: {env: production, ")
    (world / "hosts.yml").write_text(text)
    assert main(page(world, THREE)) == 23
    assert "--confirm one" in capsys.readouterr().err
    assert not (world / "log").exists()
    assert main([*page(world, THREE), "--confirm", "one"]) == 0


def test_a_plan_changes_nothing(world, capsys):
    """A plan lists what would change, says what hinges on the run, and is the same each time."""
    arguments = ["plan", *page(world, THREE)[1:4]]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert "! a line: echo one" in first
    assert "depends on two" in first
    assert not (world / "log").exists()
    assert main(arguments) == 0
    assert capsys.readouterr().out == first


def test_a_person_has_to_agree(world, capsys):
    """A confirm step without a person or --yes ends the run there; what was done stays, to go on from."""
    arguments = page(
        world,
        """
title: Careful
steps:
  - {id: zero, sh: echo zero >> LOG, changes: a line, undo: {sh: echo undone >> LOG, changes: a line}}
  - {id: one, confirm: Really?, sh: echo one >> LOG, changes: a line}
""",
    )
    assert main(arguments) == 130
    said = capsys.readouterr().out
    assert "Really?" in said
    assert "drillyard resume" in said
    assert journal(world)[-1]["outcome"] == "stopped"
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 130
    assert (world / "log").read_text() == "zero\n"
    assert main(["resume", "latest", "--runs", str(world / "runs"), "--yes"]) == 0
    assert (world / "log").read_text() == "zero\none\n"


def test_a_block_has_its_when(world):
    """A block that is not wanted runs nothing of itself, and ends nobody's run."""
    arguments = page(
        world,
        """
title: Block
params: {deep: {type: flag, default: false}}
steps:
  - id: inner
    when: deep
    block: [{id: in, sh: echo in >> LOG, changes: a line}]
  - {id: out, sh: echo out >> LOG, changes: a line}
""",
    )
    assert main(arguments) == 0
    assert (world / "log").read_text() == "out\n"
    assert main([*arguments, "--set", "deep=yes"]) == 0
    assert (world / "log").read_text() == "out\nin\nout\n"


def test_only_steps_with_a_tag(world):
    """--tags leaves out every step that carries none of them."""
    arguments = page(
        world,
        """
title: Tags
steps:
  - {id: one, tags: [first], sh: echo one >> LOG, changes: a line}
  - {id: two, sh: echo two >> LOG, changes: a line}
""",
    )
    assert main([*arguments, "--tags", "first"]) == 0
    assert (world / "log").read_text() == "one\n"


def test_a_tag_that_no_step_has_is_refused(world, capsys):
    """Nothing done is not a recovery: a tag that was mistyped is met before anything is touched."""
    arguments = page(
        world, "title: Tags\nsteps:\n  - {id: one, tags: [first], sh: echo one >> LOG, changes: a line}\n"
    )
    for verb in ("run", "plan"):
        assert main([verb, *arguments[1:4], "--tags", "frist"]) == 64
        assert "Did you mean first?" in capsys.readouterr().err
    assert main([*arguments, "--tags", "first,zzz"]) == 64
    assert "It has the tags first." in capsys.readouterr().err
    assert not (world / "log").exists()


TAGGED = """
title: Tags of a block
steps:
  - {id: other, tags: [second], sh: echo other >> LOG, changes: a line}
  - id: both
    tags: [first]
    block:
      - {id: one, sh: echo one >> LOG, changes: a line}
      - {id: fails, tags: [breaks], sh: test ! -e LOG.broken, reads: true}
    rescue: [{id: rescued, sh: echo rescued >> LOG, changes: a line}]
    always: [{id: tidied, sh: echo tidied >> LOG, changes: a line}]
prove:
  - {id: counted, sh: test $(wc -l < LOG) -eq 2, reads: true}
"""


@pytest.mark.parametrize(
    ("tags", "broken", "log"),
    [
        ("first", False, "one\ntidied\n"),
        ("first", True, "one\nrescued\ntidied\n"),
        ("breaks", True, "rescued\ntidied\n"),
    ],
)
def test_a_block_gives_its_tags_to_its_steps(world, tags, broken, log):
    """What stands in a block is chosen with it; its rescue comes with any of its steps that may fail."""
    arguments = page(world, TAGGED)
    if broken:
        (world / "log.broken").touch()
    assert main([*arguments, "--tags", tags]) == (0 if log.count("\n") == 2 else 10)
    assert (world / "log").read_text() == log


def test_what_is_proved_is_no_matter_of_tags(world, capsys):
    """--tags chooses steps, and a recovery that its proof does not hold of is never green."""
    arguments = page(world, TAGGED)
    assert main([*arguments, "--tags", "second"]) == 10
    assert (world / "log").read_text() == "other\n"
    assert "-eq 2" in capsys.readouterr().out


def test_a_value_cannot_break_out_of_its_command(world):
    """What is filled into a shell command stays one word of it."""
    arguments = page(
        world,
        """
title: Quoting
params: {word: {}}
steps:
  - {id: say, sh: "printf '%s\\\\n' {{ word }} >> LOG", changes: a line}
""",
    )
    assert main([*arguments, "--set", "word=a; touch LOG.broken $(id) 'b"]) == 0
    assert (world / "log").read_text() == "a; touch LOG.broken $(id) 'b\n"
