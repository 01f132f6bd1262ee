"""Reading logs, whole and damaged: nothing is lost of a whole one, nothing invented in a damaged one."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from agent.payload.commands import KNOWN
from agent.payload.resp import pieces, read_one
from agent.payload.survey import Kept, Tally, survey


def command(*words: str | bytes | int) -> bytes:
    """One command as it stands in a log."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


PLAIN = [command("SET", f"key:{number}", "x" * (number % 9)) for number in range(40)]
INJECTED = b"".join([*[command("SET", f"evil:{number}", 1) for number in range(4)], command("FLUSHALL")])

keys = some.text("abcdefgh:", min_size=1, max_size=8)
values = some.one_of(
    some.binary(max_size=40),
    some.text(max_size=20).map(lambda text: text.encode()),
    some.builds(
        lambda before, nested, behind: before + b"".join(nested) + behind,
        some.sampled_from([b"", b"look: "]),
        some.lists(some.builds(lambda key: command("SET", f"evil:{key}", 1), keys), min_size=1, max_size=5),
        some.sampled_from([b"", b" and so on", b"\r\n", b"* or more", b"$5 each"]),
    ),
)
commands = some.one_of(
    some.builds(lambda key, value: command("SET", key, value), keys, values),
    some.builds(lambda key, value: command("rpush", key, value, value), keys, values),
    some.builds(lambda key: command("INCR", key), keys),
    some.builds(lambda key: command("MULTI") + command("DEL", key) + command("EXEC"), keys),
    some.just(b"#TS:1795307262\r\n"),
)
logs = some.lists(commands, min_size=1, max_size=12).map(lambda each: command("SELECT", 0) + b"".join(each))


def boundaries(log: bytes) -> set[tuple[int, int]]:
    """Where each command of a whole log begins and ends."""
    found = set()
    for start, stop, args in pieces(log, 0, len(log), KNOWN):
        assert args is not None
        found.add((start, stop))
    return found


def kept_commands(log: bytes, kept: Kept) -> list[tuple[int, int]]:
    """Where each command that would be replayed begins and ends."""
    found = []
    for first, last in kept.ranges:
        found += [(start, stop) for start, stop, _ in pieces(log, first, last, KNOWN)]
    return found


@given(logs)
def test_a_whole_log_is_kept_to_the_byte(log: bytes) -> None:
    """Whatever values hold, a log without damage has one kept range: all of it."""
    kept = survey(log, Tally())
    assert kept.ranges == [(0, len(log))]
    assert not kept.gaps + kept.insides + kept.halves


@given(logs, some.data())
@settings(max_examples=200, deadline=None)
def test_damage_never_invents_a_command(log: bytes, data: some.DataObject) -> None:
    """Overwritten bytes lose commands; nothing is replayed that was none before, whatever values hold."""
    at = data.draw(some.integers(0, len(log) - 1))
    junk = data.draw(
        some.binary(min_size=1, max_size=40).filter(lambda junk: junk.strip(b"0123456789") != b"")
    )
    junk = junk[: len(log) - at]
    damaged = log[:at] + junk + log[at + len(junk) :]
    kept = survey(damaged, Tally())
    right = boundaries(log)
    for start, stop in kept_commands(damaged, kept):
        assert (start, stop) in right or (start < at + len(junk) and stop > at)


@given(logs, some.data())
@settings(max_examples=80, deadline=None)
def test_a_cut_end_never_invents_a_command(log: bytes, data: some.DataObject) -> None:
    """A log that ends anywhere keeps whole commands only, and nothing of a value that was cut through."""
    cut = log[: data.draw(some.integers(0, len(log)))]
    kept = survey(cut, Tally())
    assert set(kept_commands(cut, kept)) <= boundaries(log)


@given(some.binary(max_size=300))
@example(b"*1\r\n$1\r\n")
@example(b"*9999999\r\n$1\r\nx\r\n")
@example(b"$5\r\nhello\r\n" * 3)
def test_garbage_is_never_an_error(junk: bytes) -> None:
    """Any bytes can be read; every one of them lands in exactly one piece."""
    at = 0
    for start, stop, _ in pieces(junk, 0, len(junk), KNOWN):
        assert start == at < stop
        at = stop
    assert at == len(junk)
    survey(junk, Tally())


@pytest.mark.parametrize("value", [b"plain", b"with\r\nend", b"\r", b"x" * 5000, b"", "한국어".encode()])
def test_one_command(value: bytes) -> None:
    """A command is read whatever its value holds, by the fast way or the slow one."""
    log = command("SET", "key", value)
    assert read_one(log, 0, len(log)) == (len(log), (b"SET", b"key", value))
    assert read_one(log, 0, len(log) - 1) is None


def test_resp_inside_of_a_value_is_passed_over() -> None:
    """Where only a command's first bytes are damaged its value's length is right: it is skipped whole."""
    log = b"".join([*PLAIN, b"?" + command("SET", "page", INJECTED)[1:], *PLAIN])
    kept = survey(log, Tally())
    assert len(kept.gaps) == 1
    assert len(kept_commands(log, kept)) == 2 * len(PLAIN)


@pytest.mark.parametrize("behind", [b"", b" and more", b"*", b"\r\n"])
@pytest.mark.parametrize("before", [b"", b"see: "])
@pytest.mark.parametrize("length", [b"$9999999", b"$\xff\xff"])
def test_resp_inside_of_a_value_with_a_damaged_length_is_dropped(
    length: bytes, before: bytes, behind: bytes
) -> None:
    """Where the value's length is damaged its commands come to light; what is around them gives them away."""
    value = before + INJECTED + behind
    page = command("SET", "page", value).replace(b"$%d" % len(value), length)
    log = b"".join([*PLAIN, page, *PLAIN])
    kept = survey(log, Tally())
    assert len(kept_commands(log, kept)) == 2 * len(PLAIN)


def test_dangerous_commands_are_denied_behind_damage_only() -> None:
    """FLUSHALL before any damage is history; behind damage it is listed and not replayed."""
    sound = b"".join([*PLAIN, command("FLUSHALL"), *PLAIN])
    assert survey(sound, Tally()).denied == []
    log = b"".join([*PLAIN, b"garbage", *PLAIN, command("FLUSHALL"), *PLAIN])
    kept = survey(log, Tally())
    assert [words for _, words in kept.denied] == ["FLUSHALL"]
    assert len(kept_commands(log, kept)) == 3 * len(PLAIN)


def test_a_length_damaged_into_another_that_fits() -> None:
    """A value cut short so that its FLUSHALL seems a command of its own is given away by what follows."""
    page = command("SET", "page", command("GET", "x") + command("FLUSHALL"))
    shorter = page.replace(b"$%d" % len(command("GET", "x") + command("FLUSHALL")), b"$18", 1)
    log = b"".join([*PLAIN, shorter, *PLAIN])
    replayed = [log[start:stop] for start, stop in kept_commands(log, survey(log, Tally()))]
    assert command("FLUSHALL") not in replayed


HALF = [command("MULTI"), command("DECRBY", "a", 1), command("INCRBY", "b", 1), command("EXEC")]


@pytest.mark.parametrize("hit", range(4))
def test_transactions_are_kept_whole_or_not_at_all(hit: int) -> None:
    """Damage in any command of a transaction drops all of it, before and behind the damage."""
    half = [*HALF]
    half[hit] = b"!" * len(half[hit])
    log = b"".join([*PLAIN, *half, *PLAIN])
    kept = survey(log, Tally())
    replayed = io.BytesIO()
    for first, last in kept.ranges:
        replayed.write(log[first:last])
    assert b"BY" not in replayed.getvalue()
    # Behind a lost EXEC nobody can tell where the transaction ended; behind a lost MULTI its EXEC tells.
    assert len(kept_commands(log, kept)) == 2 * len(PLAIN)


def test_a_transaction_cut_off_by_the_end_is_dropped() -> None:
    """What has no EXEC was never carried out."""
    log = b"".join([*PLAIN, *HALF[:3]])
    kept = survey(log, Tally())
    assert kept.ranges == [(0, len(b"".join(PLAIN)))]
    assert len(kept.halves) == 1
