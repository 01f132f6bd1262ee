"""An output is bounded in memory, whole on disk where it is long, and never shows a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.secrets import MASK, Secret
from agent.transport.output import HELD, FirstLine, Kept, Raw, Spill


@given(st.lists(st.binary(max_size=200)), st.integers(100, 300))
def test_what_is_kept_is_bounded_and_its_ends_are_right(chunks, keep):
    """However it comes in pieces, at most `keep` bytes stay, and they are the first and the last."""
    kept = Kept(keep)
    for chunk in chunks:
        kept.feed(chunk)
    whole, shown = b"".join(chunks), kept.close()
    assert len(shown) <= keep
    if len(whole) <= keep:
        assert shown == whole
    else:
        assert shown[:10] == whole[:10]
        assert shown[-10:] == whole[-10:]
        assert b"of %d bytes are left out" % len(whole) in shown


@pytest.mark.parametrize("size", [7, 100, 4 * HELD - 5, 4 * HELD, 9 * HELD + 3])
def test_a_secret_cut_in_two_by_its_arrival_is_masked(size, tmp_path, monkeypatch):
    """A secret that comes in two pieces is masked in memory and in the spill, wherever the cut falls."""
    monkeypatch.setenv("CUT_SECRET", "correct-horse-battery")
    Secret("env", "CUT_SECRET").reveal()
    text = (b"x" * 40_000 + b"correct-horse-battery") * 4
    kept = Kept(1_000, Spill(tmp_path, "long"))
    for start in range(0, len(text), size):
        kept.feed(text[start : start + size])
    shown = kept.close()
    spilled = Path(kept.spilled).read_bytes()
    assert b"horse" not in shown + spilled
    assert spilled == text.replace(b"correct-horse-battery", MASK.encode())


def test_two_spills_never_share_a_file(tmp_path):
    """A second output of the same command gets a file of its own, for its owner's eyes only."""
    spills = [Spill(tmp_path / "evidence", "one.out") for _ in range(3)]
    for n, spill in enumerate(spills):
        spill.write(b"%d" % n)
        spill.close()
    assert [Path(spill.path).read_bytes() for spill in spills] == [b"0", b"1", b"2"]
    assert Path(spills[0].path).stat().st_mode & 0o777 == 0o600


def test_a_fetched_file_is_cut_at_its_limit():
    """More than expected is not kept in memory."""
    raw = Raw(5)
    raw.feed(b"123")
    raw.feed(b"45678")
    assert raw.close() == b"12345"


def test_the_first_line_is_kept_apart():
    """The line may come in pieces; what follows goes on untouched."""
    rest = bytearray()
    line = FirstLine(rest.extend)
    for piece in (b"done 0", b" 1 2\nthe ", b"rest\nof it"):
        line.feed(piece)
    assert line.words == ["done", "0", "1", "2"]
    assert rest == b"the rest\nof it"
