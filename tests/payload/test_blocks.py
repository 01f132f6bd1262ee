"""A .gz of members that stand alone: what gunzip makes of it, what we make of others', and of damage."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import subprocess
import zlib
from pathlib import Path

import pytest

from agent.payload import tarball
from agent.payload.blocks import blocks
from agent.payload.durable import Refuse

DICE = random.Random(1)
CONTENTS = {
    "nothing": b"",
    "a byte": b"x",
    "text": b"one line of text\n" * 300_000,
    "noise": DICE.randbytes(3 << 20),
    "just a block": bytes(1 << 20),
    "both": DICE.randbytes(1_500_000) + b"text" * 500_000 + DICE.randbytes(700_000),
}


def packed(path: Path, content: bytes) -> Path:
    """Write it, in pieces of odd sizes."""
    with tarball.zipped(path, 3, 1_737_342_000) as file:
        for start in range(0, len(content), 700_001):
            file.write(content[start : start + 700_001])
    return path


@pytest.mark.parametrize("name", CONTENTS)
def test_gunzip_reads_it_and_we_read_gzips(tmp_path: Path, name: str) -> None:
    """Ours by the program gunzip, and by ourselves; gzip's own, two of them in a row, padded with zeros."""
    content = CONTENTS[name]
    ours = packed(tmp_path / "ours.gz", content)
    assert subprocess.run(["gunzip", "-c", ours], capture_output=True, check=True).stdout == content
    assert subprocess.run(["gzip", "-t", ours], check=True).returncode == 0
    assert b"".join(tarball.unzipping(ours)) == content
    assert tarball.moment(ours) == 1_737_342_000
    theirs = gzip.compress(content, 6)
    assert b"".join(blocks(io.BytesIO(theirs))) == content
    assert b"".join(blocks(io.BytesIO(theirs + theirs + bytes(100)))) == content * 2


def test_noise_is_stored_and_text_is_not(tmp_path: Path) -> None:
    """What hardly shrinks takes no more than it is."""
    assert packed(tmp_path / "a.gz", CONTENTS["noise"]).stat().st_size < (3 << 20) + 2000
    assert packed(tmp_path / "b.gz", CONTENTS["text"]).stat().st_size < len(CONTENTS["text"]) // 50


@pytest.mark.parametrize("by", ["ours", "gzip"])
def test_no_damage_passes(tmp_path: Path, by: str) -> None:
    """Cut off anywhere, or a bit flipped anywhere that is not a mere label: refused, or the same content."""
    content = DICE.randbytes(40_000) + b"text " * 20_000
    path = tmp_path / "a.gz"
    whole = packed(path, content).read_bytes() if by == "ours" else gzip.compress(content)
    for number in range(300):
        damaged = bytearray(whole)
        if number % 2:
            damaged = damaged[: DICE.randrange(20, len(whole))]
        else:
            damaged[DICE.randrange(len(whole))] ^= 1 << DICE.randrange(8)
        path.write_bytes(damaged)
        with contextlib.suppress(Refuse), tarball.unzipped(path) as file:
            assert file.read() == content


def test_a_member_that_swells_is_refused(tmp_path: Path) -> None:
    """A megabyte at most comes out of each, whatever is in it."""
    path = packed(tmp_path / "a.gz", b"x" * 1000)
    head = bytearray(path.read_bytes()[:20])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(50 << 20)) + packer.flush()
    head[16:20] = len(bomb).to_bytes(4, "little")
    tail = zlib.crc32(bytes(50 << 20)).to_bytes(4, "little") + (50 << 20).to_bytes(4, "little")
    path.write_bytes(bytes(head) + bomb + tail)
    with pytest.raises(Refuse, match="does not end where it should"):
        list(tarball.unzipping(path))
