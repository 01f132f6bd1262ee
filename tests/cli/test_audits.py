"""`drillyard audit`: what an operator types after a power cut, and what is printed then."""

import json
from pathlib import Path

from agent.cli import main
from agent.record import audit


def torn(folder: Path) -> list[str]:
    """Leave an audit with a torn second line; return the words that name its folder."""
    for run in ("r1", "r2"):
        audit.note(folder, "run", run=run)
    path = folder / audit.NAME
    path.write_bytes(path.read_bytes()[:-30])
    return ["--runs", str(folder)]


def test_a_torn_line_is_acknowledged(tmp_path, capsys):
    """By the command that verify names; from then on verify is sound and names line, person and reason."""
    runs = torn(tmp_path)
    assert main(["audit", "verify", *runs]) == 50
    assert f"drillyard audit acknowledge 2 --runs {tmp_path} --reason WHY" in capsys.readouterr().err
    for words in (["acknowledge", "2", "--reason", "power cut"], ["verify"]):
        assert main(["audit", *words, *runs]) == 0
        said = capsys.readouterr().out
        assert f"3 lines, line 2 torn (acknowledged by {audit.who()} at 2" in said
        assert ": power cut), each other line follows from the one before." in said
    assert main(["audit", "verify", "--json", *runs]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["lines"], found["torn"][0]["line"], found["torn"][0]["reason"]) == (3, 2, "power cut")
    assert main(["audit", "verify", "--last", found["last"], *runs]) == 0


def test_what_cannot_be_acknowledged(tmp_path, capsys):
    """A whole line, no line at all, the same line twice: each with its own exit code, and nothing written."""
    runs = torn(tmp_path)
    before = (tmp_path / audit.NAME).read_bytes()
    assert main(["audit", "acknowledge", "1", "--reason", "x", *runs]) == 23
    assert main(["audit", "acknowledge", "9", "--reason", "x", *runs]) == 22
    assert main(["audit", "acknowledge", "2", "--reason", " ", *runs]) == 64
    assert (tmp_path / audit.NAME).read_bytes() == before
    assert main(["audit", "acknowledge", "2", "--reason", "x", *runs]) == 0
    assert main(["audit", "acknowledge", "2", "--reason", "x", *runs]) == 23
    assert "was acknowledged by" in capsys.readouterr().err


def test_what_else_is_broken_stays_red(tmp_path, capsys):
    """The acknowledgement is written, and verify then names what was altered."""
    audit.note(tmp_path, "run", run="r0")
    runs = torn(tmp_path)
    path = tmp_path / audit.NAME
    path.write_bytes(path.read_bytes().replace(b"r0", b"rX"))
    assert main(["audit", "acknowledge", "3", "--reason", "power cut", *runs]) == 50
    assert "audit.jsonl:2 does not follow" in capsys.readouterr().err
