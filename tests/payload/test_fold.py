"""A full copy and its increments folded into one database: what comes of it is what there was, or nothing."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.payload import pages, tarball
from agent.payload.durable import Refuse
from agent.payload.fold import fold

HEAD = b"SQLite format 3\0" + (512).to_bytes(2, "big")
PAGE = 512


def grown(dice: random.Random, old: bytes, count: int) -> bytes:
    """Return a file of so many pages, a few of them other than in `old`."""
    new = bytearray(old[: count * PAGE].ljust(count * PAGE, b"\0"))
    for _ in range(dice.randrange(1, 6)):
        at, length = dice.randrange(count), dice.randrange(1, 12)
        part = new[at * PAGE : (at + length) * PAGE]
        new[at * PAGE : (at + length) * PAGE] = dice.randbytes(len(part))
    new[: len(HEAD)] = HEAD
    return bytes(new)


def sha(content: bytes) -> str:
    """Return its SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def increments(folder: Path, states: Sequence[bytes]) -> list[tuple[Path, str]]:
    """Write what leads from each state to the next, with the SHA-256 it leads to."""
    found = []
    file = folder / "state.db"
    file.write_bytes(states[0])
    before = pages.read(file)
    for number, state in enumerate(states[1:]):
        file.write_bytes(state)
        now = pages.read(file)
        path = folder / f"{number:03}.tar.gz"
        with tarball.zipped(path, 1, 1_737_342_000) as out:
            pages.write(out, file, (before, now), 1_737_342_000)
        found.append((path, sha(state)))
        before = now
    return found


def blocks(content: bytes, dice: random.Random) -> Iterator[bytes]:
    """Yield it in pieces of odd sizes."""
    while content:
        size = dice.randrange(1, 60_000)
        yield content[:size]
        content = content[size:]


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_there_was(tmp_path: Path, seed: int) -> None:
    """However often it grew, shrank and grew again, and over more increments than are open at once."""
    dice = random.Random(seed)
    states = [grown(dice, b"", 200)]
    for _ in range((0, 1, 5, 23, 24, 25, 49, 60)[seed]):
        states.append(grown(dice, states[-1], dice.choice((200, 200, 260, 40, 3000))))
    found = fold(blocks(states[0], dice), sha(states[0]), increments(tmp_path, states), tmp_path / "back")
    assert found == sha(states[-1])
    assert (tmp_path / "back").read_bytes() == states[-1]


def test_another_full_copy_leads_elsewhere(tmp_path: Path) -> None:
    """What was not compared at the start is told by the last sum."""
    dice = random.Random(1)
    states = [grown(dice, b"", 200)]
    states += [grown(dice, states[0], 200), grown(dice, states[0], 220)]
    other = bytearray(states[0])
    other[150 * PAGE] ^= 1
    led = increments(tmp_path, states[:2])
    assert fold([bytes(other)], sha(states[0]), led, tmp_path / "back") != sha(states[1])


def test_increments_that_do_not_belong_are_refused(tmp_path: Path) -> None:
    """One left out, two in the wrong order, or one that leads elsewhere than its manifest says."""
    dice = random.Random(2)
    states = [grown(dice, b"", 50)]
    for _ in range(3):
        states.append(grown(dice, states[-1], 50))
    led = increments(tmp_path, states)
    for number, wrong in enumerate((led[1:], [led[1], led[0], led[2]], [led[0], led[2]])):
        with pytest.raises(Refuse, match="goes on from another copy"):
            fold([states[0]], sha(states[0]), wrong, tmp_path / f"back{number}")
    with pytest.raises(Refuse, match="lead to different databases"):
        fold([states[0]], sha(states[0]), [(led[0][0], sha(b""))], tmp_path / "last")


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ((("pages/1024", 512), ("pages/512", 512)), "not in their order"),
        ((("pages/0", 1024), ("pages/512", 512)), "not in their order"),
        ((("pages/1536", 1024),), "behind the end"),
    ],
)
def test_runs_that_cannot_be_are_refused(tmp_path: Path, runs: Sequence[tuple[str, int]], why: str) -> None:
    """Out of order, one on another, or outside of the file they lead to."""
    path = tmp_path / "made.tar.gz"
    told = f'{{"from": "{sha(b"")}", "to": "{sha(b"x")}", "size": 2048}}'.encode()
    with tarball.zipped(path, 1, 0) as out, tarball.writing(out) as tar:
        tar.addfile(tarball.member("increment.json", len(told), 0), io.BytesIO(told))
        for name, size in runs:
            tar.addfile(tarball.member(name, size, 0), io.BytesIO(bytes(size)))
    with pytest.raises(Refuse, match=why):
        fold([bytes(2048)], sha(b""), [(path, sha(b"x"))], tmp_path / "back")


def test_what_says_nothing_of_itself_is_no_increment(tmp_path: Path) -> None:
    """Pages alone could be anybody's."""
    path = tmp_path / "made.tar.gz"
    with tarball.zipped(path, 1, 0) as out, tarball.writing(out) as tar:
        tar.addfile(tarball.member("pages/0", 512, 0), io.BytesIO(bytes(512)))
    with pytest.raises(Refuse, match="does not say what it goes on from"):
        fold([bytes(2048)], sha(b""), [(path, sha(b"x"))], tmp_path / "back")


def test_a_cut_off_increment_is_refused(tmp_path: Path) -> None:
    """Also where only what a later one cuts off would have come from its end."""
    dice = random.Random(3)
    states = [grown(dice, b"", 50), b"", b""]
    # So long that nobody has come to its end by what is read ahead.
    states[1] = states[0] + dice.randbytes(12 << 20)
    states[2] = states[0]
    led = increments(tmp_path, states)
    whole = led[0][0].read_bytes()
    led[0][0].write_bytes(whole[: len(whole) - 30])
    with pytest.raises(Refuse, match="cannot be unpacked"):
        fold([states[0]], sha(states[0]), led, tmp_path / "back")
