"""The controller's disk is full: our error, what is unknown, and nothing more asked of a host."""

import os
import re
import resource
import subprocess
import sys

import pytest

from agent.cli import main
from agent.errors import JournalLost
from agent.record.journal import Journal, read_journal
from tests.documents import ROOT

STEPS = "".join(f"  - {{id: s{n}, sh: echo {n} >> LOG, changes: a line}}\n" for n in range(20))
PAGE = f"title: Twenty lines\nsteps:\n{STEPS}"


@pytest.mark.parametrize("room", [600, 3000, 6000])
def test_a_full_disk_ends_the_run_where_it_is(tmp_path, room):
    """No traceback, the lock stays, and with room again the run goes on, every line written once."""
    log = tmp_path / "log"
    host = f"{{ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}"
    (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {{one: {host}}}}}\n")
    (tmp_path / "page.yml").write_text(PAGE.replace("LOG", str(log)))
    done = subprocess.run(
        [sys.executable, "-m", "agent", "run", "page.yml", "-i", "hosts.yml", "--runs", "runs"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)),
    )
    said = done.stdout + done.stderr
    assert done.returncode == 51, said
    assert "Traceback" not in said
    if room == 600:
        assert "Nothing was asked of any host" in said
        assert not log.exists()
        return
    assert re.search(r"In flight, and unknown: one: s\d+: |Nothing was in flight", said)
    assert "drillyard resume" in said
    assert (tmp_path / "state/locks/page").exists()
    written = log.read_text().split()
    assert 0 < len(written) < 20
    (journal,) = tmp_path.glob("runs/*/journal.jsonl")
    asked = sum(line["kind"] == "ask" for line in read_journal(journal))
    assert len(written) <= asked
    assert main(["resume", "latest", "--runs", str(tmp_path / "runs")]) == 0
    assert log.read_text().split() == [str(n) for n in range(20)]


def test_a_lost_journal_stays_lost(tmp_path):
    """What could not be written is not on disk by half, and nothing is written after it."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("run")
    size = journal.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, before[1]))
    try:
        with pytest.raises(JournalLost, match="File too large"):
            journal.write("note", text="x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(JournalLost):
        journal.write("end")
    assert journal.path.stat().st_size == size
