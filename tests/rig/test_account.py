"""Every acknowledged write is found, lost or changed, and nothing else passes unseen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drills.rig.account import account
from drills.rig.ledger import Write


def _write(seq: int, key: str, *, adds: bool = False, acked: bool = True) -> Write:
    return Write(
        seq, key, "push" if adds else "set", f"c{seq}", adds, float(seq), seq + 0.1 if acked else None
    )


def _seqs(writes: tuple[Write, ...]) -> list[int]:
    return [write.seq for write in writes]


def test_what_is_there_as_acknowledged_is_found() -> None:
    """The sound case: nothing is lost, changed, doubled or invented."""
    told = account([_write(0, "a"), _write(1, "l", adds=True)], {"a": ("c0",), "l": ("c1",)})
    assert (told.acknowledged, told.found, told.lost, told.whole) == (2, 2, (), True)


def test_what_is_missing_is_lost_and_named() -> None:
    """A key that is gone, and an element that is gone, are lost."""
    writes = [_write(0, "a"), _write(1, "l", adds=True), _write(2, "l", adds=True), _write(3, "b")]
    told = account(writes, {"l": ("c2",), "b": ("c3",)})
    assert _seqs(told.lost) == [0, 1]
    assert (told.found, told.whole) == (2, True)
    assert [(hole.first, hole.last, hole.count) for hole in told.holes] == [(0, 1, 2)]


def test_an_older_value_is_a_loss_of_what_came_after() -> None:
    """A key that went back in time has lost every acknowledged write since."""
    told = account([_write(n, "a") for n in range(4)], {"a": ("c1",)})
    assert _seqs(told.lost) == [2, 3]
    assert told.whole


def test_a_foreign_value_is_changed() -> None:
    """What holds something we never wrote there is changed, not lost."""
    told = account([_write(0, "a"), _write(1, "l", adds=True)], {"a": ("x",), "l": ("y",)})
    assert _seqs(told.changed) == [0, 1]
    assert (told.lost, told.invented) == ((), ())


def test_what_nobody_acknowledged_may_be_there_or_not() -> None:
    """An unacknowledged write is neither lost where it is absent nor wrong where it is there."""
    writes = [_write(0, "a"), _write(1, "a", acked=False), _write(2, "b", acked=False)]
    old = account(writes, {"a": ("c0",)})
    new = account(writes, {"a": ("c1",), "b": ("c2",)})
    assert (old.lost, old.indeterminate, old.indeterminate_found, old.indeterminate_absent) == ((), 2, 0, 2)
    assert (new.lost, new.indeterminate_found, new.whole) == ((), 2, True)


def test_an_unacknowledged_write_is_never_half_there() -> None:
    """A torn transaction is invented content, even where nobody acknowledged it."""
    assert account([_write(0, "p", acked=False)], {"p": ("half of it",)}).invented == ("p",)


def test_a_replayed_write_is_doubled() -> None:
    """An element that stands twice is duplicated, acknowledged or not."""
    writes = [_write(0, "l", adds=True), _write(1, "l", adds=True, acked=False)]
    told = account(writes, {"l": ("c0", "c0", "c1", "c1")})
    assert _seqs(told.duplicated) == [0, 1]
    assert not told.whole


def test_elements_out_of_order_are_seen() -> None:
    """An element behind a later acknowledged one is out of order; unacknowledged ones may stand anywhere."""
    writes = [_write(n, "l", adds=True, acked=n != 2) for n in range(4)]
    assert _seqs(account(writes, {"l": ("c1", "c0", "c3")}).reordered) == [0]
    assert account(writes, {"l": ("c0", "c1", "c3", "c2")}).reordered == ()


def test_keys_and_elements_nobody_wrote_are_invented() -> None:
    """A key we never wrote, and an element on top of all of ours, are invented."""
    told = account([_write(0, "l", adds=True)], {"l": ("c0", "x"), "z": ("?",)})
    assert told.invented == ("l", "z")


_HISTORY = st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30)


def _history(drawn: list[tuple[int, bool]]) -> list[Write]:
    return [
        _write(seq, f"{'l' if key % 2 else 'k'}{key}", adds=bool(key % 2), acked=acked)
        for seq, (key, acked) in enumerate(drawn)
    ]


def _perfect(writes: list[Write]) -> dict[str, tuple[str, ...]]:
    held: dict[str, tuple[str, ...]] = {}
    for write in writes:
        held[write.key] = (*held.get(write.key, ()), write.content) if write.adds else (write.content,)
    return held


@given(_HISTORY)
def test_a_perfect_store_has_a_clean_account(drawn: list[tuple[int, bool]]) -> None:
    """Where everything happened, nothing is ever called lost or wrong."""
    writes = _history(drawn)
    told = account(writes, _perfect(writes))
    assert told.whole
    assert (told.lost, told.found) == ((), told.acknowledged)


@given(_HISTORY, st.randoms(use_true_random=False))
def test_every_write_is_counted_once(drawn: list[tuple[int, bool]], rng: object) -> None:
    """Found, lost and changed sum to what was acknowledged, whatever is there instead."""
    writes = _history(drawn)
    held = {
        key: tuple(each if rng.random() < 0.7 else f"x{n}" for n, each in enumerate(parts))  # type: ignore[attr-defined]
        for key, parts in _perfect(writes).items()
        if rng.random() < 0.8  # type: ignore[attr-defined]
    }
    told = account(writes, held)
    assert told.found + len(told.lost) + len(told.changed) == told.acknowledged
    assert sum(hole.count for hole in told.holes) == len(told.lost)
    assert told.found >= 0


@given(_HISTORY.filter(bool), st.integers(min_value=0))
def test_one_acknowledged_write_taken_away_is_always_seen(drawn: list[tuple[int, bool]], pick: int) -> None:
    """Whichever acknowledged write is removed from a perfect store, the account is not clean."""
    writes = _history(drawn)
    last = {write.key: write for write in writes if not write.adds}
    seen = [write for write in writes if write.acked and (write.adds or last[write.key] is write)]
    if not seen:
        return
    victim = seen[pick % len(seen)]
    held = _perfect(writes)
    held[victim.key] = tuple(each for each in held[victim.key] if each != victim.content)
    assert victim in account(writes, {key: parts for key, parts in held.items() if parts}).lost
