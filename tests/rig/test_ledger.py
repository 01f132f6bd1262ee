"""The ledger knows every write that was begun, whatever happened to the drill."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from drills.rig.ledger import Ledger, next_number, read
from drills.rig.subject import Intent


def _intent(n: int) -> Intent:
    return Intent(f"key:{n}", "set", f"{n:016x}")


def test_a_write_is_acknowledged_indeterminate_or_under_way(tmp_path: Path) -> None:
    """What was acknowledged has its time, what was not has its error, what is under way has neither."""
    with Ledger(tmp_path / "l") as ledger:
        for n in range(3):
            ledger.sending(n, _intent(n), float(n))
        ledger.acknowledged(0, 0.5)
        ledger.unanswered(1, "timed out")
    acked, unanswered, under_way = read(tmp_path / "l")
    assert (acked.acked, acked.error, acked.key) == (0.5, "", "key:0")
    assert (unanswered.acked, unanswered.error) == (None, "timed out")
    assert (under_way.acked, under_way.error) == (None, "")


def test_a_batch_is_acknowledged_together(tmp_path: Path) -> None:
    """Every write of a bulk load has the time at which the whole was acknowledged."""
    with Ledger(tmp_path / "l") as ledger:
        ledger.batch(range(4), map(_intent, range(4)), 1.0, 2.0)
        assert [(w.seq, w.sent, w.acked) for w in ledger.writes()] == [(n, 1.0, 2.0) for n in range(4)]


@given(cut=st.integers(min_value=1))
def test_a_crash_in_mid_line_costs_that_line_only(tmp_path_factory: object, cut: int) -> None:
    """A ledger that ends inside a line is read up to the line before, and goes on after it."""
    path = tmp_path_factory.mktemp("ledger") / "l"  # type: ignore[attr-defined]
    with Ledger(path) as ledger:
        for n in range(3):
            ledger.sending(n, _intent(n), float(n))
            ledger.acknowledged(n, n + 0.5)
    whole = path.read_bytes()
    kept = whole[: cut % len(whole)]
    path.write_bytes(kept)
    lines = kept.count(b"\n")
    assert len(list(read(path))) == (lines + 1) // 2
    assert sum(1 for write in read(path) if write.acked is not None) == lines // 2
    with Ledger(path) as ledger:
        number = next_number(path)
        ledger.sending(number, _intent(number), 9.0)
        assert [write.seq for write in ledger.writes()][-1] == number
