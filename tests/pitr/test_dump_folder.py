"""A file of documents is taken in stretches of whole ones; what is no such file is refused at its byte."""

from pathlib import Path

import bson
import pytest

from agent.errors import BackupDamaged
from agent.pitr import dump_folder
from agent.pitr.dump_folder import Dumped, pieces_of_dump
from agent.pitr.lives import Life
from agent.pitr.merge import split


def pieces(path: Path) -> list[bytes]:
    """Return the stretches of a file."""
    life = Life(1, "shop", "a")
    return [piece.read() for piece in pieces_of_dump([Dumped(life, path)], path.parent)]


@pytest.mark.parametrize("stretch", [5, 64, 100, 1000, 1 << 20])
def test_every_document_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretch: int):
    """However long the stretches, also where a document is longer than one."""
    monkeypatch.setattr(dump_folder, "_STRETCH", stretch)
    content = [bson.encode({"_id": n, "x": "y" * (n % 7 * 30)}) for n in range(50)]
    file = tmp_path / "a.bson"
    file.write_bytes(b"".join(content))
    found = pieces(file)
    assert [each for piece in found for each in split(piece)] == content
    assert all(len(piece) <= stretch or len(split(piece)) == 1 for piece in found)
    file.write_bytes(b"")
    assert pieces(file) == []


@pytest.mark.parametrize(
    "end", [b"\x01", b"\0\0\0\0", b"\x04\0\0\0", b"\xff\xff\xff\x7f123", b"\x09\0\0\0\0"]
)
@pytest.mark.parametrize("stretch", [16, 1 << 20])
def test_what_is_no_document_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, stretch: int
):
    """Cut off, or other bytes: named with the byte where it begins."""
    monkeypatch.setattr(dump_folder, "_STRETCH", stretch)
    whole = bson.encode({"_id": 1})
    file = tmp_path / "a.bson"
    file.write_bytes(whole + end)
    with pytest.raises(BackupDamaged, match=rf"a\.bson is no file of documents at byte {len(whole)}"):
        pieces(file)
