"""A YAML file becomes plain data with lines, or one clear error."""

from pathlib import Path

import pytest

from agent.errors import BadInventory, BadPage
from agent.inventory.document import parse, read_document


def test_every_piece_knows_its_line():
    """A key's line is its own, an item's its own, and an unknown place has that of what is around it."""
    document = parse("a: 1\nb:\n  - x\n  - y: 2\n", "f.yml")
    assert document.data == {"a": 1, "b": ["x", {"y": 2}]}
    assert str(document.at("b", 1, "y")) == "f.yml:4"
    assert str(document.at("b", 0)) == "f.yml:3"
    assert str(document.at("b", 1, "nowhere", "deeper")) == "f.yml:4"


def test_keys_are_the_text_they_are_written_as():
    """`on` and `1` are keys, not the true and the number that YAML 1.1 takes them for."""
    assert parse("on: {1: a, null: b}", "f").data == {"on": {"1": "a", "null": "b"}}


def test_times_and_dates_stay_text():
    """22:30 is no number in base 60, and a date is not made into an object."""
    data = parse("a: 22:30\nb: 2026-01-02\nc: 1:30.5\nd: 0644\ne: yes\nf: ~", "f").data
    assert data == {"a": "22:30", "b": "2026-01-02", "c": "1:30.5", "d": 0o644, "e": True, "f": None}


def test_merge_keys_are_followed_and_weaker_than_what_is_written():
    """`<<` brings in what an anchor holds."""
    assert parse("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", "f").data["b"] == {"p": 1, "q": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "f.yml:3: a stands here a second time, first in line 1"),
        ("a: [1,\nb: 2", "f.yml:2: this is not sound YAML"),
        ("a: !!python/object/apply:os.system [ls]", "f.yml:1: the tag !!"),
        ("a: !env X", "f.yml:1: the tag !env is not known here"),
        ("&a [*a]", "f.yml:1: an alias stands inside of what it stands for"),
        ("? [a]\n: 1", "f.yml:1: expected a name as the key"),
        ("--- a\n--- b", "f.yml:2: this is not sound YAML"),
        ("a: *b", "f.yml:1: this is not sound YAML"),
        ("\0", "f.yml: this is not sound YAML"),
        ("a: !!int x", "f.yml:1: 'x' is not a int"),
        ("[" * 100_000, "f.yml: expected at most 60 levels"),
        ("- " * 5_000 + "x", "f.yml: expected at most 60 levels"),
        ("\n".join(f"a{n}: &a{n} [*a{n - 1}]" if n else "a0: &a0 [x]" for n in range(90)), "f.yml:"),
        ("a: &a [" + "x," * 99 + "]\nb: &b [" + "*a," * 99 + "]\nc: [" + "*b," * 99 + "]", "200000 values"),
    ],
)
def test_what_is_unsound_is_refused_with_file_and_line(text, said):
    """Malformed, ambiguous, recursive, bomb-like: each ends with one sentence."""
    with pytest.raises(BadPage) as error:
        parse(text, "f.yml", BadPage)
    assert said in str(error.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path):
    """Missing files and bytes that are no text are named."""
    with pytest.raises(BadInventory, match="cannot be read: No such file"):
        read_document(tmp_path / "none.yml")
    (tmp_path / "bytes.yml").write_bytes(b"a: \xff")
    with pytest.raises(BadInventory, match=r"bytes\.yml: expected text in UTF-8"):
        read_document(tmp_path / "bytes.yml")
