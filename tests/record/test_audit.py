"""The audit tells of every alteration."""

import pytest

from agent.errors import BadJournal
from agent.record import audit


@pytest.fixture
def book(tmp_path):
    """An audit of three runs."""
    for run in ("r1", "r2", "r3"):
        audit.note(tmp_path, "run", run=run, reason="rehearsal")
    return tmp_path


def test_an_untouched_audit_verifies(book):
    """Three notes make three linked lines."""
    assert audit.verify(book) == 3


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
