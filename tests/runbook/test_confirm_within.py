"""A question at the terminal that waits for an answer no longer than its page says."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cli import main
from agent.record.journal import read_journal
from tests.documents import ROOT

HOSTS = """all:
  vars:
    ansible_connection: local
    escalation:
      channels: {{pager: {{kind: command, run: ["true"]}}}}
      contacts: {{dba: {{by: {{pager: dba}}}}}}
      levels: [{{from: 0.005, tell: [dba]}}]
  hosts: {{one: {{drillyard_state_dir: {0}/one}}, two: {{drillyard_state_dir: {0}/two}}}}
"""
PAGE = """
title: Careful
objectives: {rto: 30m}
steps:
  - {id: zero, sh: echo zero >> LOG, changes: a line, undo: {sh: echo undone >> LOG, changes: a line}}
  - {id: one, confirm: Really?, confirm_within: WITHIN, sh: echo one >> LOG, changes: a line}
"""


@pytest.fixture
def words(tmp_path: Path) -> Callable[..., list[str]]:
    """The words that run the page, with that much time for an answer."""

    def write(within: str, *more: str) -> list[str]:
        (tmp_path / "hosts.yml").write_text(HOSTS.format(tmp_path))
        text = PAGE.replace("LOG", str(tmp_path / "log")).replace("WITHIN", within)
        (tmp_path / "page.yml").write_text(text)
        where = ["-i", str(tmp_path / "hosts.yml"), "--runs", str(tmp_path / "runs")]
        return ["run", str(tmp_path / "page.yml"), *where, *more]

    return write


@contextmanager
def at_a_terminal(words: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run these words with a terminal to be asked at, and yield the process and that terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def journal(folder: Path) -> list[dict[str, object]]:
    """The lines of the only run's journal, as far as it has come."""
    return [line for path in (folder / "runs").glob("*/journal.jsonl") for line in read_journal(path)]


def test_nobody_answers_in_time(words, tmp_path):
    """It stops as where nobody is there: nothing is undone, it can be resumed, and nobody is asked twice."""
    with at_a_terminal(words("0.4s")) as (process, terminal):
        os.write(terminal, b"ye")
        out, err = process.communicate(timeout=60)
    said = out.decode()
    assert process.returncode == 130
    assert ": Really? [yes/no, in 0.4s]" in err.decode()
    assert err.decode().count("[yes/no") == 1
    assert "and nobody answered in 0.4s" in said
    assert "drillyard resume" in said
    assert (tmp_path / "log").read_text() == "zero\nzero\n"
    assert [line["outcome"] for line in journal(tmp_path) if line["kind"] == "end"] == ["stopped"]
    assert main(["resume", "latest", "--runs", str(tmp_path / "runs"), "--yes"]) == 0
    assert (tmp_path / "log").read_text() == "zero\nzero\none\none\n"


def test_the_ladder_goes_on_while_an_answer_is_waited_for(words, tmp_path):
    """Whoever is due is told; an answer within the time lets the step begin."""
    with at_a_terminal(words("5m", "--limit", "one")) as (process, terminal):
        end = time.monotonic() + 60
        while not any(line["kind"] == "notice" for line in journal(tmp_path)):
            assert time.monotonic() < end, "nobody was told"
            time.sleep(0.02)
        assert not any(line["kind"] == "confirmed" for line in journal(tmp_path))
        os.write(terminal, b"yes\n")
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "log").read_text() == "zero\none\n"


def test_a_no_is_not_waited_out(words, tmp_path):
    """Whoever is there and declines has answered."""
    with at_a_terminal(words("5m", "--limit", "one")) as (process, terminal):
        os.write(terminal, b"no\n")
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nobody answered" not in out.decode()


@pytest.mark.parametrize("way", ["Ctrl-C", "file"])
def test_a_question_ends_with_the_run(words, tmp_path, way):
    """Whoever ends the run is not waited for: at the question nothing is in flight."""
    with at_a_terminal(words("23h", "--limit", "one")) as (process, _):
        asked = b""
        while b"Really?" not in asked:
            more = os.read(process.stderr.fileno(), 1000)
            assert more, "it ended without asking"
            asked += more
        if way == "Ctrl-C":
            process.send_signal(signal.SIGINT)
        else:
            (run,) = tmp_path.glob("runs/*-*")
            (run / "stop").touch()
        out, _ = process.communicate(timeout=60)
    said = out.decode()
    assert process.returncode == 130
    assert "was agreed to" in said
    assert "drillyard resume" in said
    assert (tmp_path / "log").read_text() == "zero\n"
    assert not any(line["kind"] == "confirmed" for line in journal(tmp_path))


def test_nobody_is_asked_after_the_run_was_ended(words, tmp_path):
    """A stop that came before the question is not forgotten over it."""
    arguments = words("23h", "--limit", "one")
    page = tmp_path / "page.yml"
    page.write_text(page.read_text().replace("echo zero >> ", "touch $(echo RUNS/*/)stop; echo zero >> ", 1))
    page.write_text(page.read_text().replace("RUNS", str(tmp_path / "runs")))
    with at_a_terminal(arguments) as (process, _):
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Really?" not in err.decode()
    assert "Stopped before" in out.decode()


def test_a_question_in_korean_says_what_may_be_answered_in_korean(words, tmp_path):
    """Also for how long, and a yes in Korean is one."""
    with at_a_terminal(words("23h", "--limit", "one", "--lang", "ko")) as (process, terminal):
        os.write(terminal, "예\n".encode())
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert ": Really? [예/아니오, 23h 안에]" in err.decode()


def test_where_nobody_can_be_there_no_answer_is_waited_for(words, capsys):
    """Without a terminal it stops at once, however long the page would wait."""
    assert main(words("23h", "--limit", "one")) == 130
    assert "and nobody did" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["confirm_within: 5m", "confirm: Really?, confirm_within: 0"])
def test_a_time_for_no_question_is_refused(words, tmp_path, capsys, wrong):
    """And a question without a moment to answer it."""
    text = words("1s")
    page = tmp_path / "page.yml"
    page.write_text(page.read_text().replace("confirm: Really?, confirm_within: 1s", wrong))
    assert main(text) == 20
    assert "`confirm_within` is how long `confirm` waits" in capsys.readouterr().err
    assert json.loads((ROOT / "agent/runbook/page.schema.json").read_text())["$defs"]["Step"]["properties"][
        "confirm_within"
    ]
