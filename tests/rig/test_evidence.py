"""What a drill leaves behind is complete, unique, and has no secret in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.secrets import MASK, Secret
from drills.rig.evidence import Evidence, package_versions

NOW = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)


def test_every_drill_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Two drills of the same second do not share one, and `latest` points to the last to conclude."""
    first, second = (Evidence(tmp_path / "runs", "redis_aof-tail_cut", NOW) for _ in range(2))
    assert first.folder.name == "20261122T030000Z-redis_aof-tail_cut"
    assert second.folder != first.folder
    for evidence in (first, second, first):
        evidence.point_latest()
        assert (tmp_path / "runs/latest").resolve() == evidence.folder


def test_secrets_are_masked_in_everything_written(tmp_path: Path) -> None:
    """A revealed password stands in no text, no JSON and no log."""
    where = tmp_path / "password"
    where.write_text("hunter2hunter2\n")
    password = Secret("file", str(where)).reveal()
    evidence = Evidence(tmp_path / "runs", "d", NOW)
    evidence.write("story.txt", f"the password is {password}")
    evidence.write_json("verdict.json", {"said": password})
    evidence.log("redis1", "redis.log", f"AUTH {password}\xff".encode("latin-1"))
    written = b"".join(path.read_bytes() for path in evidence.folder.rglob("*") if path.is_file())
    assert password.encode() not in written
    assert written.count(MASK.encode()) >= 2


def test_a_journal_is_kept_where_there_is_one(tmp_path: Path) -> None:
    """The agent's journal lies beside the verdict; a run that never began leaves none."""
    evidence = Evidence(tmp_path / "runs", "d", NOW)
    evidence.keep_journal("")
    evidence.keep_journal(str(tmp_path / "nowhere"))
    assert not (evidence / "journal.jsonl").exists()
    (tmp_path / "journal.jsonl").write_text("{}\n")
    evidence.keep_journal(str(tmp_path))
    assert (evidence / "journal.jsonl").read_text() == "{}\n"


def test_versions_say_what_ran() -> None:
    """Python and our own version stand in every verdict."""
    assert {"python", "drillyard"} <= package_versions().keys()
