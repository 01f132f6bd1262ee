"""The journal survives our crash."""

import json

import pytest

from agent.errors import BadJournal
from agent.record.journal import Journal, read_journal


def test_what_is_written_is_read_back(tmp_path):
    """A line written is on disk before `write` returns, and comes back in order."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("run", run="r1")
    journal.write("note", text="한국어 \udcff")
    lines = list(read_journal(tmp_path / "journal.jsonl"))
    assert [line["kind"] for line in lines] == ["run", "note"]
    assert lines[1]["text"] == "한국어 \udcff"
    assert lines[0]["at"].endswith("+00:00")


def test_a_torn_last_line_is_dropped(tmp_path):
    """A power cut in the middle of a line costs that line, not the journal."""
    path = tmp_path / "journal.jsonl"
    Journal(path).write("run", run="r1")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind": "ans')
    assert [line["kind"] for line in read_journal(path)] == ["run"]
    Journal(path).write("resumed")
    assert [line["kind"] for line in read_journal(path)] == ["run", "resumed"]


def test_damage_in_the_middle_is_refused(tmp_path):
    """A journal whose middle cannot be read is not guessed at."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"kind":"run"}\nnot json\n{"kind":"end"}\n')
    with pytest.raises(BadJournal, match=r"journal\.jsonl:2"):
        list(read_journal(path))


def test_secrets_are_masked(tmp_path, monkeypatch):
    """A revealed secret never stands in the journal, not even escaped."""
    from agent.secrets import Secret

    monkeypatch.setenv("DRILLYARD_TEST_SECRET", 'pa"ss word')
    Secret("env", "DRILLYARD_TEST_SECRET").reveal()
    Journal(tmp_path / "journal.jsonl").write("answer", out='it is pa"ss word here')
    text = (tmp_path / "journal.jsonl").read_text()
    assert "ss word" not in text
    assert json.loads(text)["out"] == "it is •••• here"
