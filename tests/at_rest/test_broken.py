"""A corpus of broken backups: each is caught and named, is never restored, and its sound twin passes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent.backup import actions
from agent.backup.model import Backup
from agent.errors import DrillyardError, StepFailed
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf

Break = Callable[[Shelf, Backup, Backup], None]


def part(backup: Backup, element: str) -> Path:
    """The file of an element."""
    return next(Path(each.path) for each in backup.parts if f"/{element}/" in each.path)


def agreed(shelf: Shelf, backup: Backup, path: Path, **changes: object) -> None:
    """Whoever changed a file changed sidecar, manifest and history with it: only its content can tell."""
    _sidecar(path)
    manifest = Path(backup.path)
    told = msgspec.json.decode(manifest.read_bytes())
    for each in told["parts"].values():
        if path.name == each["path"].rpartition("/")[2]:
            each["bytes"], each["sha256"] = path.stat().st_size, _sum(path)
    manifest.write_bytes(msgspec.json.encode({**told, **changes}))
    _sidecar(manifest)
    history = shelf.backups / "metadata/backup_history.json"
    known = json.loads(history.read_text())
    for each in known["backups"]:
        if each["id"] == backup.id:
            each["bytes"], each["sha256"] = manifest.stat().st_size, _sum(manifest)
            for one in each["parts"]:
                one["bytes"], one["sha256"] = Path(one["path"]).stat().st_size, _sum(Path(one["path"]))
    history.write_text(json.dumps(known))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sidecar(path: Path) -> None:
    Path(f"{path}.sha256").write_text(f"{_sum(path)}  {path.name}\n")


def truncated(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A gz that ends too early."""
    path = part(backup, "sqlite")
    os.truncate(path, path.stat().st_size // 2)


def truncated_and_agreed(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """The same, its sums made to match."""
    truncated(shelf, backup, other)
    agreed(shelf, backup, part(backup, "sqlite"))


def tail_of_tar_cut(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A tar.gz without its last bytes, behind what tar itself looks at; its sums match."""
    path = part(backup, "pdfs")
    os.truncate(path, path.stat().st_size - 4)
    agreed(shelf, backup, path)


def flipped(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """One bit."""
    path = part(backup, "chromadb")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def flipped_inside(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """One byte of a row's text, packed and summed again: SQLite's own checks call it sound."""
    path = part(backup, "sqlite")
    content = gzip.decompress(path.read_bytes()).replace(b"doc7", b"dox7", 1)
    path.write_bytes(gzip.compress(content, mtime=_taken(backup)))
    agreed(shelf, backup, path)


def swapped(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """The files of two backups in each other's place."""
    here, there = part(backup, "sqlite"), part(other, "sqlite")
    kept = here.read_bytes()
    here.write_bytes(there.read_bytes())
    there.write_bytes(kept)


def older_than_it_says(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """An older file under the newer one's name, with sums to match."""
    shutil.copyfile(part(other, "sqlite"), part(backup, "sqlite"))
    agreed(shelf, backup, part(backup, "sqlite"))


def wrong_checksum(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A sidecar of something else."""
    Path(f"{part(backup, 'pdfs')}.sha256").write_text(f"{'0' * 64}  {part(backup, 'pdfs').name}\n")


def empty(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """Nothing in it."""
    part(backup, "sqlite").write_bytes(b"")


def empty_and_agreed(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """Nothing in it, its sums match."""
    empty(shelf, backup, other)
    agreed(shelf, backup, part(backup, "sqlite"))


def empty_database(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A sound gz of a database of no bytes, which SQLite's integrity_check calls ok."""
    path = part(backup, "sqlite")
    path.write_bytes(gzip.compress(b"", mtime=_taken(backup)))
    agreed(shelf, backup, path)


def missing(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A file is gone."""
    part(backup, "chromadb").unlink()


def a_link(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A symbolic link in a file's place."""
    path = part(backup, "sqlite")
    path.rename(f"{path}.real")
    path.symlink_to(f"{path}.real")


def _crafted(backup: Backup, *entries: tarfile.TarInfo) -> None:
    path, out = part(backup, "pdfs"), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for entry in entries:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    path.write_bytes(gzip.compress(out.getvalue(), mtime=_taken(backup)))


def _entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, target, 1 if kind == tarfile.REGTYPE else 0
    return found


def traversal(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A name that leads out of the folder it is unpacked to."""
    _crafted(backup, _entry("pdfs/../../../escaped"))
    agreed(shelf, backup, part(backup, "pdfs"))


def absolute(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A name from the root."""
    _crafted(backup, _entry(f"{shelf.folder}/escaped"))
    agreed(shelf, backup, part(backup, "pdfs"))


def symlink_inside(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A link, and a file behind it."""
    _crafted(backup, _entry("pdfs/out", tarfile.SYMTYPE, str(shelf.folder)), _entry("pdfs/out/escaped"))
    agreed(shelf, backup, part(backup, "pdfs"))


def hard_link_inside(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A second name of a file elsewhere."""
    _crafted(backup, _entry("pdfs/out", tarfile.LNKTYPE, "/etc/passwd"))
    agreed(shelf, backup, part(backup, "pdfs"))


def device_inside(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A device."""
    _crafted(backup, _entry("pdfs/null", tarfile.CHRTYPE))
    agreed(shelf, backup, part(backup, "pdfs"))


def no_base(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """An increment whose base is gone, files, manifest and entry."""
    (first,) = (each for each in shelf.do(actions.history(shelf.service)) if each.kind == "daily")
    for each in first.files:
        Path(each.path).unlink()
    history = shelf.backups / "metadata/backup_history.json"
    known = json.loads(history.read_text())
    known["backups"] = [each for each in known["backups"] if each["id"] != first.id]
    history.write_text(json.dumps(known))


def other_base(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """An increment that is said to go on from another set than it does."""
    (first,) = (each for each in shelf.do(actions.history(shelf.service)) if each.kind == "daily")
    history = shelf.backups / "metadata/backup_history.json"
    agreed(shelf, backup, part(backup, "sqlite"), parent=first.id)
    known = json.loads(history.read_text())
    for each in known["backups"]:
        if each["id"] == backup.id:
            each["parent"] = first.id
    history.write_text(json.dumps(known))


def damaged_base(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """What it goes on from has rotted."""
    (first,) = (each for each in shelf.do(actions.history(shelf.service)) if each.kind == "daily")
    flipped(shelf, first, other)


def manifest_lies(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A manifest that promises more rows than there are, its sums made to match."""
    told = msgspec.json.decode(Path(backup.path).read_bytes())
    told["parts"]["sqlite"]["holds"]["tables"]["documents"]["rows"] += 5
    agreed(shelf, backup, part(backup, "sqlite"), parts=told["parts"])


def manifest_lost(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """No manifest."""
    Path(backup.path).unlink()


def history_lies(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A history that calls another file's sum this one's, and says that it was verified."""
    history = shelf.backups / "metadata/backup_history.json"
    known = json.loads(history.read_text())
    for each in known["backups"]:
        if each["id"] == backup.id:
            each["sha256"] = "0" * 64
    history.write_text(json.dumps(known))


def history_garbled(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """A history cut off in the middle."""
    history = shelf.backups / "metadata/backup_history.json"
    os.truncate(history, history.stat().st_size // 2)


def history_lost(shelf: Shelf, backup: Backup, other: Backup) -> None:
    """No history."""
    (shelf.backups / "metadata/backup_history.json").unlink()


def _taken(backup: Backup) -> int:
    return int(msgspec.json.decode(Path(backup.path).read_bytes())["taken"])


CORPUS: dict[Break, str] = {
    truncated: "bytes, its history says",
    truncated_and_agreed: "cannot be unpacked",
    tail_of_tar_cut: "cannot be unpacked",
    flipped: "SHA-256 is not the one",
    flipped_inside: "is not the database it was made of",
    swapped: "its history says|SHA-256 is not the one",
    older_than_it_says: "older than it says",
    wrong_checksum: "sidecar",
    empty: "has 0 bytes",
    empty_and_agreed: "does not begin like one",
    empty_database: "is not the database it was made of",
    missing: "is not there",
    a_link: "symbolic link",
    traversal: "leads out of the folder",
    absolute: "leads out of the folder",
    symlink_inside: "a link",
    hard_link_inside: "a link",
    device_inside: "no plain file",
    no_base: "increment without its base",
    other_base: "goes on from another copy",
    damaged_base: "it goes on from .* SHA-256",
    manifest_lies: "does not hold what its manifest says",
    manifest_lost: "is not there",
    history_lies: "SHA-256 is not the one in its history",
    history_garbled: "found that",
    history_lost: "found none",
}
_OF_INCREMENTS = (no_base, other_base, damaged_base)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weekly, a daily and two hourly ones: what each kind of damage begins with."""
    shelf = Shelf(tmp_path_factory.mktemp("corpus") / "here")
    shelf.library.fill(12)
    for kind in ("weekly", "daily", "hourly", "hourly"):
        shelf.library.upload("doc3", f"%PDF {kind} {shelf.now}".encode())
        shelf.take(kind)
    shutil.copytree(shelf.folder, shelf.folder.with_name("kept"))
    return shelf.folder


@pytest.fixture
def corpus(original: Path) -> Shelf:
    """As it was, whatever was done to it before: its paths stand in the history."""
    shutil.rmtree(original)
    shutil.copytree(original.with_name("kept"), original)
    shelf = Shelf(original, anew=False)
    shelf.now += 86400
    return shelf


def struck(corpus: Shelf, strike: Break) -> Backup:
    """Break a backup and return it: the newest increment, or the daily one where that is what is meant."""
    newest, second, daily, weekly = corpus.do(actions.history(corpus.service))
    if strike in _OF_INCREMENTS:
        strike(corpus, newest, second)
        return newest
    strike(corpus, daily, weekly)
    return daily


@pytest.mark.parametrize("strike", CORPUS, ids=lambda strike: strike.__name__)
def test_it_is_caught_and_named(corpus: Shelf, strike: Break) -> None:
    """`verify` says what is wrong; nothing is unpacked outside of its folder, and its fault is remembered."""
    before = corpus.library.state()
    backup = struck(corpus, strike)
    with pytest.raises(DrillyardError, match=CORPUS[strike]):
        corpus.do(actions.verify(corpus.service, backup.id))
    assert not list(corpus.folder.rglob("escaped"))
    assert corpus.library.state() == before
    if strike not in (history_garbled, history_lost):
        found = {each.id: each for each in corpus.do(actions.history(corpus.service))}
        assert found[backup.id].fault
        assert found[backup.id].verified is None


_OF_HISTORY = (history_lies, history_garbled, history_lost)


@pytest.mark.parametrize(
    "strike", [each for each in CORPUS if each not in _OF_HISTORY], ids=lambda each: each.__name__
)
def test_it_is_never_restored(corpus: Shelf, strike: Break) -> None:
    """Asked for by its id it is refused, whatever its history says; the present state is not touched."""
    before = corpus.library.state()
    backup = struck(corpus, strike)
    with pytest.raises(StepFailed):
        corpus.do(refserver.restore(Refserver.of(corpus.service), backup))
    assert corpus.library.state() == before
    assert not list(corpus.library.data.glob("drillyard-kept-*"))


def test_the_next_good_one_is_chosen(corpus: Shelf) -> None:
    """The newest is bad: the one before it is taken, without anybody having verified again."""
    newest, second, *_ = corpus.do(actions.history(corpus.service))
    flipped(corpus, newest, second)
    found = corpus.do(actions.newest(corpus.service))
    assert found is not None
    assert found.id == second.id


def test_sound_ones_raise_no_alarm(corpus: Shelf) -> None:
    """Each of the originals passes at each depth: no false alarm."""
    for backup in corpus.do(actions.history(corpus.service)):
        for depth in ("checksum", "opens", "restored"):
            assert corpus.do(actions.verify(corpus.service, backup.id, depth)).verified is not None


def test_there_is_one_of_each_kind() -> None:
    """The corpus is as long as it was."""
    assert len(CORPUS) == 26
