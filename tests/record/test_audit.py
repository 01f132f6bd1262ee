"""The audit tells of every alteration."""

import resource

import pytest

from agent.errors import BadJournal, NotFound
from agent.record import audit


@pytest.fixture
def book(tmp_path):
    """An audit of three runs."""
    for run in ("r1", "r2", "r3"):
        audit.note(tmp_path, "run", run=run, reason="rehearsal")
    return tmp_path


def test_an_untouched_audit_verifies(book):
    """Three notes make three linked lines."""
    assert audit.verify(book).lines == 3


def test_a_line_there_is_no_room_for_breaks_nothing(book):
    """On a full disk half a line would break the chain for ever."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((book / audit.NAME).stat().st_size + 20, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            audit.note(book, "run", run="r4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert audit.verify(book).lines == 3
    audit.note(book, "run", run="r5")
    assert audit.verify(book).lines == 4


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda lines: [lines[0], lines[1].replace(b"r2", b"rX"), lines[2]], 3),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: [lines[0], lines[0], lines[1], lines[2]], 2),
        (lambda lines: [b"{}", *lines[1:]], 1),
    ],
    ids=["altered", "removed", "inserted", "first"],
)
def test_the_first_broken_line_is_named(book, harm, line):
    """An altered, removed or inserted line breaks the chain at a known place."""
    path = book / audit.NAME
    path.write_bytes(b"\n".join(harm(path.read_bytes().splitlines())) + b"\n")
    with pytest.raises(BadJournal, match=f"audit.jsonl:{line} "):
        audit.verify(book)


@pytest.mark.parametrize("cut", [1, 30, None])
def test_a_torn_line_is_told_and_later_ones_follow_from_it(book, cut):
    """What a power cut left of a line is the first broken one; whole but for its newline it is sound."""
    path = book / audit.NAME
    data = path.read_bytes()
    third = data.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(data[:-1] if cut is None else data[: third + cut])
    for run in ("r4", "r5"):
        audit.note(book, "run", run=run)
    if cut is None:
        assert audit.verify(book).lines == 5
        return
    said = "audit.jsonl:3 is no whole line: it was torn .* Of the 2 lines after it each follows"
    with pytest.raises(BadJournal, match=said):
        audit.verify(book)


def test_a_torn_line_at_the_end_is_told(book):
    """Before anybody wrote behind it too."""
    path = book / audit.NAME
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadJournal, match=":3 is no whole line"):
        audit.verify(book)


def test_lines_altered_behind_a_torn_one_are_counted(book):
    """That one line was torn hides nothing of what was done to others."""
    path = book / audit.NAME
    path.write_bytes(path.read_bytes()[:-20])
    for run in ("r4", "r5", "r6"):
        audit.note(book, "run", run=run)
    path.write_bytes(path.read_bytes().replace(b"r4", b"rX"))
    with pytest.raises(BadJournal, match=r":3 is no .* the 3 lines after it 1 more .* first line 5\."):
        audit.verify(book)


@pytest.mark.parametrize("place", ["nowhere", "file", "empty"])
def test_where_there_is_no_audit_nothing_was_verified(tmp_path, place):
    """A wrong folder, a file in its place, an audit without a line: none is a sound audit."""
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / audit.NAME).touch()
    with pytest.raises(NotFound, match="Could not look"):
        audit.verify(tmp_path / place)
