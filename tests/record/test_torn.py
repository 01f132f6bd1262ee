"""A line that a power cut tore is acknowledged on purpose, and hides nothing else from then on."""

import json
from collections.abc import Callable

import pytest

from agent.errors import BadJournal, NotFound, Refused
from agent.record import audit
from agent.record.torn import EVENT

Lines = list[bytes]


@pytest.fixture
def book(tmp_path):
    """An audit of three runs of which the third line is torn, and two runs after it."""
    for run in ("r1", "r2", "r3"):
        audit.note(tmp_path, "run", run=run, reason="rehearsal")
    path = tmp_path / audit.NAME
    path.write_bytes(path.read_bytes()[:-40])
    for run in ("r4", "r5"):
        audit.note(tmp_path, "run", run=run)
    return tmp_path


def change(book, how: Callable[[Lines], Lines]) -> None:
    """Alter the lines of an audit."""
    path = book / audit.NAME
    path.write_bytes(b"\n".join(how(path.read_bytes().splitlines())) + b"\n")


def test_it_is_sound_again_and_says_who_took_it_upon_them(book):
    """The line is named, with who, when and why, which stand in the chain themselves."""
    with pytest.raises(BadJournal, match=r"audit acknowledge 3 --runs .* --reason"):
        audit.verify(book)
    written = audit.acknowledge(book, 3, "power cut")
    found = audit.verify(book)
    assert (found.lines, found.last) == (6, written)
    (torn,) = found.torn
    assert (torn.line, torn.who, torn.reason) == (3, audit.who(), "power cut")
    last = json.loads((book / audit.NAME).read_bytes().splitlines()[-1])
    assert (last["event"], last["line"], last["reason"], last["at"]) == (EVENT, 3, "power cut", torn.at)
    audit.note(book, "run", run="r6")
    assert audit.verify(book).torn == (torn,)


@pytest.mark.parametrize("tear", [b"", b"\x00" * 300, b'{"at": "2026-', b"\xff\xfe", b'{"before": "\n{"x"'])
def test_whatever_is_left_at_the_end_may_be_acknowledged(book, tear):
    """Nothing, zeros, the beginning of a line, two pieces: before anybody wrote behind it."""
    audit.acknowledge(book, 3, "the first")
    path = book / audit.NAME
    path.write_bytes(path.read_bytes() + tear)
    for line in range(7, 7 + len(tear.splitlines())):
        with pytest.raises(BadJournal, match=f":{line} is no whole line"):
            audit.verify(book)
        audit.acknowledge(book, line, "the next")
    assert len(audit.verify(book).torn) == 1 + len(tear.splitlines())


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            lambda lines: [*lines[:2], lines[2] + b"x", *lines[3:]],
            ":3 was acknowledged as torn by .* changed",
        ),
        (lambda lines: [*lines[:2], b'{"at": 1}', *lines[3:]], ":3 was acknowledged as torn by .* changed"),
        (lambda lines: [lines[0], lines[1].replace(b"r2", b"rX"), *lines[2:]], ":3 was acknowledged as torn"),
        (lambda lines: [lines[0], *lines[2:]], ":2 is no whole line"),
        (lambda lines: [*lines[:2], *lines[3:]], ":3 was acknowledged as torn"),
        (lambda lines: [*lines[:3], lines[3].replace(b"r4", b"rX"), *lines[4:]], ":5 does not follow"),
        (lambda lines: [*lines[:5], lines[5].replace(b"cut", b"cat"), *lines[6:]], ":7 does not follow"),
        (lambda lines: [*lines[:5], *lines[6:]], ":3 is no whole line.* first line 6"),
    ],
    ids=["torn", "mended", "before", "one before gone", "gone", "after", "acknowledgement", "that gone"],
)
def test_what_changes_afterwards_is_red_again(book, harm, said):
    """The place itself, what it stood behind, every other line, and the acknowledgement too."""
    audit.acknowledge(book, 3, "power cut")
    audit.note(book, "run", run="r6")
    change(book, harm)
    with pytest.raises(BadJournal, match=said):
        audit.verify(book)


def test_a_changed_place_is_not_acknowledged_a_second_time(book):
    """Or it would be enough to alter the line before a torn one, and say so twice."""
    audit.acknowledge(book, 3, "power cut")
    with pytest.raises(Refused, match=r":3 was acknowledged by .* \(power cut\)"):
        audit.acknowledge(book, 3, "power cut")
    change(book, lambda lines: [lines[0], lines[1].replace(b"r2", b"rX"), *lines[2:]])
    with pytest.raises(Refused, match=":3 was acknowledged by"):
        audit.acknowledge(book, 3, "again")


@pytest.mark.parametrize("line", [1, 2, 4])
def test_a_whole_line_is_not_acknowledged(book, line):
    """Sound or altered: only what is no whole line can have been torn."""
    change(book, lambda lines: [lines[0].replace(b"r1", b"rX"), *lines[1:]])
    before = (book / audit.NAME).read_bytes()
    with pytest.raises(Refused, match=f":{line} is a whole line"):
        audit.acknowledge(book, line, "power cut")
    assert (book / audit.NAME).read_bytes() == before


@pytest.mark.parametrize("harm", [lambda line: line[:-1], lambda _: b"{", lambda _: b""])
def test_a_line_that_was_altered_into_a_torn_one_is_refused(book, harm):
    """What stands behind it knows what was there: of a whole line, and of the torn one."""
    path = book / audit.NAME
    whole = path.read_bytes()
    for place in (0, 2, 3):
        change(book, lambda lines, at=place: [*lines[:at], harm(lines[at]), *lines[at + 1 :]])
        with pytest.raises(Refused, match="does not follow from it"):
            audit.acknowledge(book, place + 1, "power cut")
        path.write_bytes(whole)


@pytest.mark.parametrize("line", [0, -1, 6])
def test_there_is_no_such_line(book, line):
    """Lines are counted from 1, as verify names them."""
    with pytest.raises(NotFound, match="its lines are 1 to 5"):
        audit.acknowledge(book, line, "power cut")


def test_an_acknowledgement_before_its_line_counts_for_nothing(tmp_path):
    """What is still to be written was not seen by anybody."""
    audit.note(tmp_path, EVENT, line=2, torn="0", former="0", reason="in advance")
    with (tmp_path / audit.NAME).open("ab") as file:
        file.write(b"{")
    with pytest.raises(BadJournal, match=":2 is no whole line"):
        audit.verify(tmp_path)
