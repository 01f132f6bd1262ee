"""`drillyard backup restore` is `drillyard run` of the page that fits: its guard rails, journal and codes."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest

from agent.cli import main, runs
from agent.cli.completion import candidates
from agent.cli.parser import command_line, parse
from agent.record import audit
from tests.documents import ROOT

HOSTS = """all:
  vars: {{ansible_connection: local, drillyard_state_dir: {0}/state}}
  hosts:
    one:
      env: {1}
      serves:
        refserver: {{supervisor: docker, unit: no-such, data_dir: {0}/data, backup_dir: {0}/backups}}
"""


def world(folder: Path, environment: str = "rehearsal") -> list[str]:
    """An inventory of this machine; the words that name it."""
    (folder / "hosts.yml").write_text(HOSTS.format(folder, environment))
    return ["-i", str(folder / "hosts.yml"), "--runs", str(folder / "runs")]


@pytest.mark.parametrize(
    ("line", "page", "given", "host"),
    [
        (["refserver"], "unified_restore", [], "ref1"),
        (["refserver", "--latest"], "unified_restore", [], "ref1"),
        (["refserver", "unified_x"], "unified_restore", ["backup=unified_x"], "ref1"),
        (["refserver", "--id", "unified_x", "--to", "ref1"], "unified_restore", ["backup=unified_x"], "ref1"),
        (["refserver", "--at", "2025-01-19 14:00:00"], "point_in_time", ["at=2025-01-19 14:00:00"], "ref1"),
        (["refserver", "--to", "ref2"], "host_lost", [], "ref2"),
        (["refserver", "--limit", "ref2", "--latest"], "host_lost", [], "ref2"),
        (["sqlite", "x"], "sqlite_corruption", ["backup=x", "even_if_sound=true"], "ref1"),
        (["chromadb", "x"], "chromadb_corruption", ["backup=x", "even_if_sound=true"], "ref1"),
        (["files"], "files_restore", [], "ref1"),
        (["redis", "x", "--to", "redis2"], "redis_total_loss", ["backup=x"], "redis2"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else value,
)
def test_the_page_that_fits_is_run(
    line: list[str], page: str, given: list[str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """System, id, moment and host become a page, what it is told, and where; consent goes along."""
    seen: list[Namespace] = []
    monkeypatch.setattr(runs, "run", lambda command: seen.append(command) or 0)
    words = ["backup", "restore", *line, "-i", str(ROOT / "inventory/example"), "--confirm", host]
    assert main(words) == 0
    (told,) = seen
    assert (told.page, told.set, told.limit, told.confirm) == (page, given, host, [host])
    assert told.reason.startswith("backup restore ")
    # Whatever `run` is told by its own parser it is told here too.
    assert vars(parse(["run", page])).keys() <= vars(told).keys()


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        (["refserver", "x", "--latest"], 64, "found an id and --latest"),
        (["refserver", "x", "--at", "2025-01-19"], 64, "found an id and --at"),
        (["refserver", "x", "--id", "y"], 64, "found --id y and x"),
        (["refserver", "--to", "ref"], 22, "Did you mean ref"),
        (["refserver", "x", "--to", "ref2"], 64, "newest good backup"),
        (["files", "x"], 64, "whichever backup has it"),
        (["redis"], 64, "one host at a time"),
        (["sqlight"], 22, "Did you mean sqlite"),
        (["mongodb"], 22, "mongodb_pitr"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_what_makes_no_sense_touches_nothing(
    line: list[str], code: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with a sentence, before anything is asked of a host."""
    assert main(["backup", "restore", *line, "-i", str(ROOT / "inventory/example")]) == code
    assert why in capsys.readouterr().err


def test_another_verb_is_told_no_id(capsys: pytest.CaptureFixture[str]) -> None:
    """An id that would not be heeded is refused."""
    assert main(["backup", "take", "redis", "x", "-i", str(ROOT / "inventory/example")]) == 64
    assert "is told no id" in capsys.readouterr().err


def test_a_production_host_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its name nothing is begun, and no run is left behind; with it, there is one."""
    words = ["backup", "restore", "refserver", *world(tmp_path, "production")]
    assert main(words) == 23
    assert "one" in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/*/journal.jsonl"))
    assert main([*words, "--confirm", "one"]) == 42
    assert len(list(tmp_path.glob("runs/*/journal.jsonl"))) == 1


def test_it_is_a_run_with_journal_and_audit(tmp_path: Path) -> None:
    """Where there is no backup nothing was stopped; page, parameters and reason are written down."""
    words = [
        "backup",
        "restore",
        "refserver",
        "unified_x",
        *world(tmp_path),
        "--reason",
        "a try",
        "--no-notify",
    ]
    assert main(words) == 42
    (journal,) = tmp_path.glob("runs/*/journal.jsonl")
    head = json.loads(journal.read_text().splitlines()[0])
    assert "unified_restore" in json.dumps(head)
    assert "unified_x" in json.dumps(head)
    assert "service.stop" not in [json.loads(line).get("do") for line in journal.read_text().splitlines()]
    assert audit.verify(tmp_path / "runs").lines >= 2
    assert "a try" in "".join(path.read_text() for path in (tmp_path / "runs").glob("audit*"))


def test_a_plan_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run is `drillyard plan` of the same page."""
    assert main(["backup", "restore", "refserver", *world(tmp_path, "production"), "--dry-run"]) in (0, 42)
    assert not (tmp_path / "backups").exists()
    assert not list(tmp_path.glob("runs/*/journal.jsonl"))
    capsys.readouterr()


def test_its_help_has_examples_and_every_code_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit codes of `run` are those of `backup` too, now that it runs pages."""
    with pytest.raises(SystemExit):
        main(["backup", "--help"])
    text = capsys.readouterr().out
    assert "drillyard backup restore refserver unified_20250120_030000" in text
    assert all(f"  {code}  " in text for code in (13, 20, 23, 42, 130))
    assert candidates(command_line(), ["backup", "rest"]) == ["restore"]
    assert "--confirm" in candidates(command_line(), ["backup", "restore", "refserver", "--conf"])
