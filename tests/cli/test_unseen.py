"""A run whose reader went away, or that is stopped while it waits, comes to a proper end."""

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.errors import ContactLost, Stopped
from agent.record.journal import read_journal
from agent.runbook.hurry import Hurried
from agent.runbook.reach import Reach
from agent.runbook.stop_sign import StopSign
from agent.transport.ask import Sh, Until
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform
from tests.documents import ROOT

PAGE = """
title: Three lines
steps:
  - {id: one, sh: echo one >> LOG, changes: a line}
  - {id: two, sh: echo two >> LOG, changes: a line}
  - {id: three, sh: "LAST", changes: a line, retry: {times: 3, every: 600}}
"""


def start(folder: Path, last: str, *more: str, **streams: object) -> subprocess.Popen[bytes]:
    """Run the page in a process, its last step as given."""
    log = str(folder / "log")
    host = f"{{ansible_connection: local, drillyard_state_dir: {folder}/state}}"
    (folder / "hosts.yml").write_text(f"all: {{hosts: {{one: {host}}}}}\n")
    (folder / "page.yml").write_text(PAGE.replace("LAST", last).replace("LOG", log))
    words = ["run", "page.yml", "-i", "hosts.yml", "--runs", "runs", *more]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen([sys.executable, "-m", "agent", *words], env=env, cwd=folder, **given)  # type: ignore[call-overload]


def outcome(folder: Path) -> str:
    """How the journal says that the only run ended."""
    (path,) = folder.glob("runs/*/journal.jsonl")
    return str(list(read_journal(path))[-1].get("outcome"))


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_run_goes_on_without_its_reader(tmp_path, more):
    """`| head` ends, the run does not: the journal has its end, the code says that nobody read it."""
    heard, told = os.pipe()
    os.close(heard)
    process = start(tmp_path, "echo three >> LOG", *more, stdout=told)
    os.close(told)
    _, err = process.communicate()
    assert (process.returncode, err) == (141, b"")
    assert (tmp_path / "log").read_text() == "one\ntwo\nthree\n"
    assert outcome(tmp_path) == "done"


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_run_goes_on_where_its_screen_is_a_file_on_a_full_disk(tmp_path, more):
    """It says so once, and the journal has its end."""
    with Path("/dev/full").open("wb") as full:
        process = start(tmp_path, "echo three >> LOG", *more, stdout=full)
    _, err = process.communicate()
    assert process.returncode == 141
    assert err.decode().count("cannot be written any more (No space left on device). The run goes on") == 1
    assert (tmp_path / "log").read_text() == "one\ntwo\nthree\n"
    assert outcome(tmp_path) == "done"


def test_a_run_goes_on_where_its_terminal_was_closed(tmp_path):
    """Kept alive by nohup or disown, it writes to a terminal that is gone."""
    ours, theirs = pty.openpty()
    process = start(
        tmp_path,
        "while [ ! -e LOG.gate ]; do sleep 0.02; done; echo three >> LOG",
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    while "two" not in (tmp_path / "log").read_text() if (tmp_path / "log").exists() else True:
        assert process.poll() is None
        time.sleep(0.02)
    os.close(theirs)
    os.close(ours)
    (tmp_path / "log.gate").touch()
    assert process.wait(60) == 141
    assert outcome(tmp_path) == "done"


@pytest.mark.parametrize(("where", "code"), [(">&-", 0), (">/dev/full", 51), ("2>&-", 0)])
def test_a_verb_without_a_place_to_write_to_is_no_defect(tmp_path, where, code):
    """Nowhere is where the operator wanted it; a full disk is said in a sentence."""
    (tmp_path / "hosts.yml").write_text("all: {hosts: {a: }}")
    line = f"{shlex.quote(sys.executable)} -m agent hosts -i hosts.yml {where}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, shell=True, env=env, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert (b"No space left on device" in done.stderr) == (code == 51)


def test_an_unseen_one_that_does_not_end_well_says_so(tmp_path):
    """That it was stopped is more than that nobody read it."""
    heard, told = os.pipe()
    os.close(heard)
    process = start(tmp_path, "exit 3", stdout=told)
    os.close(told)
    while not (tmp_path / "log").exists() or "two" not in (tmp_path / "log").read_text():
        assert process.poll() is None
        time.sleep(0.02)
    (run,) = tmp_path.glob("runs/*-*")
    (run / "stop").touch()
    process.communicate()
    assert process.returncode == 130
    assert outcome(tmp_path) == "stopped"


@pytest.mark.parametrize("sign", [signal.SIGINT, "file"])
def test_the_pause_between_two_tries_is_ended(tmp_path, sign):
    """Ten minutes between two tries: it ends now."""
    process = start(tmp_path, "echo tried >> LOG; exit 3")
    while not (tmp_path / "log").exists() or "tried" not in (tmp_path / "log").read_text():
        assert process.poll() is None
        time.sleep(0.02)
    if sign == "file":
        (run,) = tmp_path.glob("runs/*-*")
        (run / "stop").touch()
    else:
        process.send_signal(sign)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "log").read_text() == "one\ntwo\ntried\n"


def test_a_wait_for_a_state_is_ended(tmp_path):
    """Between two looks; the look itself comes to its end."""
    stop = StopSign(tmp_path)

    def looks(_: object) -> bool:
        stop.set()
        return False

    def action():
        yield Until(Sh("true"), looks, "it is there", within=600, every=300)

    fake = FakeRoad({"true": ""})
    with pytest.raises(Stopped, match="nothing is in flight"):
        perform(action(), Hurried(fake, float("inf"), stop))
    assert fake.waited == 0


def test_what_is_unknown_outweighs_what_was_stopped():
    """One host is lost while the run is stopped on another: it is unknown how that one ended."""

    def do(host: object) -> None:
        raise Stopped("stopped") if host == "a" else ContactLost("lost")

    reach = Reach(())
    with pytest.raises(ContactLost):
        reach.each(do, ["a", "b"])  # type: ignore[arg-type]
