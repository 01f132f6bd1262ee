"""What is seen of a data folder, and what gives it back to its owner or makes room in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.payload import data_facts, data_mend

MINE = f"{os.getuid()}:{os.getgid()}"
ELSE = f"{os.getuid() + 1}:{os.getgid()}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a database, a file and a backup."""
    for name in ("pdfs", "logs", "backups/daily"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("refserver.db", "pdfs/a.pdf", "backups/daily/x.gz"):
        (tmp_path / name).write_bytes(b"x" * 5000)
    return tmp_path


def look(data: Path, owner: str = MINE) -> dict[str, object]:
    """What is seen of it."""
    return data_facts.foreign(str(data), owner, str(data / "backups"))


def test_a_sound_folder_has_nothing_foreign(data: Path) -> None:
    """Links are left alone, wherever they lead, and the gate that everybody opens."""
    (data / ".gate").touch()
    (data / ".gate").chmod(0o666)
    (data / "refserver.db").chmod(0o600)
    (data / "pdfs/link").symlink_to("/etc/passwd")
    assert look(data) == {"foreign": 0, "foreign_first": []}


def test_what_a_backup_holds_is_not_foreign(data: Path) -> None:
    """While one is taken its lock and its second names lie in the folder, and they are root's."""
    (data / ".drillyard-taking-1a2b3c4d.lock").touch(0o600)
    (data / ".drillyard-taking-1a2b3c4d").mkdir(0o700)
    (data / ".drillyard-taking-1a2b3c4d/a.pdf").touch(0o400)
    for name in ("refserver.db", "pdfs/a.pdf", "pdfs", "logs", "."):
        os.chown(data / name, os.getuid(), os.getgid())
    (data / ".drillyard-swap.json").touch(0o444)
    assert look(data) == {"foreign": 0, "foreign_first": []}


def test_a_folder_that_is_a_link_is_what_it_leads_to(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A link has mode 777 whatever one does: it is no file that others may write."""
    link = tmp_path_factory.mktemp("links") / "data"
    link.symlink_to(data)
    assert look(link) == {"foreign": 0, "foreign_first": []}
    data.chmod(0o777)
    spec = {"data": str(link), "owner": MINE, "backups": str(link / "backups")}
    assert data_mend.give_back(spec)["changed"] == 1
    assert look(link) == {"foreign": 0, "foreign_first": []}


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        (0o000, "refserver.db"),
        (0o444, "pdfs/a.pdf"),
        (0o500, "pdfs"),
        (0o666, "refserver.db"),
        (0o777, "pdfs/a.pdf"),
        (0o664, "pdfs/a.pdf"),
        (0o777, "pdfs"),
        (0o1777, "pdfs"),
    ],
)
def test_what_its_owner_cannot_use_is_foreign_and_given_back(data: Path, mode: int, name: str) -> None:
    """Closed to him or open to everybody, it is 644 (755) afterwards; backups are never touched."""
    (data / name).chmod(mode)
    (data / "backups/daily/x.gz").chmod(0o400)
    assert look(data)["foreign_first"] == [str(data / name)]
    said = data_mend.give_back({"data": str(data), "owner": MINE, "backups": str(data / "backups")})
    assert said == {"changed": 1, "first": [str(data / name)]}
    assert look(data)["foreign"] == 0
    assert (data / name).stat().st_mode & 0o7777 == (0o755 if name == "pdfs" else 0o644)
    assert (data / "backups/daily/x.gz").stat().st_mode & 0o777 == 0o400


def test_somebody_elses_files_are_foreign(data: Path) -> None:
    """All of them, the folder itself too; the first are named."""
    found = look(data, ELSE)
    assert found["foreign"] == 5
    assert len(found["foreign_first"]) == 5  # type: ignore[arg-type]


def test_logs_are_cut_in_place_and_nothing_else_is(data: Path) -> None:
    """Whoever holds the log open goes on writing into it; what was rotated goes; other files stay."""
    log = data / "logs/refserver.log"
    with log.open("ab") as writer:
        writer.write(b"".join(b"line %06d\n" % n for n in range(50_000)))
        writer.flush()
        (data / "logs/refserver.log.1").write_bytes(b"x" * 10_000)
        (data / "logs/notes.txt").write_bytes(b"x" * 10_000)
        said = data_mend.cut_logs({"data": str(data), "logs": ["logs"], "keep": 1200})
        writer.write(b"line after\n")
    assert said["freed"] > 500_000
    lines = log.read_text().splitlines()
    assert lines[0].startswith("line 0")
    assert lines[-2:] == ["line 049999", "line after"]
    assert sorted(path.name for path in (data / "logs").iterdir()) == ["notes.txt", "refserver.log"]
    assert (data / "refserver.db").stat().st_size == 5000


def test_a_folder_that_is_no_mount(data: Path) -> None:
    """A mount is told from a folder, and what fstab knows of it."""
    assert not data.is_mount()
    assert not data_facts.known_mount(str(data))
    assert data_facts.room(str(data))["size"] > 0


def test_a_file_that_goes_meanwhile_needs_no_owner(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application removes one between our look and our change: the rest is done all the same."""
    look_at = data_mend.usable

    def removed(path: Path, uid: int, gid: int) -> bool:
        if path.name != "a.pdf":
            return look_at(path, uid, gid)
        path.unlink()
        return False

    monkeypatch.setattr(data_mend, "usable", removed)
    (data / "refserver.db").chmod(0o400)
    said = data_mend.give_back({"data": str(data), "owner": MINE, "backups": str(data / "backups")})
    assert said == {"changed": 1, "first": [str(data / "refserver.db")]}
