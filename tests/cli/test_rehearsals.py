"""`drillyard rehearsals` on the example inventory, and where there is no calendar."""

import json

import pytest

from agent.cli import main
from tests.documents import ROOT

EXAMPLE = ["-i", str(ROOT / "inventory/example")]


def test_a_year_and_one_rehearsals_checklists(capsys):
    """The four dates, then the checklists of the one that is named."""
    assert main(["rehearsals", "q2", "--year", "2026", *EXAMPLE]) == 0
    shown = capsys.readouterr().out
    for day in ("2026-03-04 (Wed)", "2026-06-03 (Wed)", "2026-09-02 (Wed)", "2026-12-02 (Wed)"):
        assert day in shown
    assert "\nQ2, Redis AOF recovery\n" in shown
    assert "Before: 2026-05-27 (Wed)" in shown


def test_in_korean(capsys):
    """Dates, owners and checklists."""
    assert main(["rehearsals", "Q3", "--year", "2026", "--lang", "ko", *EXAMPLE]) == 0
    shown = capsys.readouterr().out
    assert "2026-09-02 (수)" in shown
    assert "  [ ] 09:15 - 복구 시작: 전체 장애" in shown


def test_the_next_one_is_shown_whatever_the_year(capsys):
    """Asked for a year that is long over, there is still one row of the next, and its checklists."""
    assert main(["rehearsals", "--year", "2020", *EXAMPLE]) == 0
    shown = capsys.readouterr().out
    assert shown.count("NEXT, ") == 1
    assert main(["rehearsals", "--year", "2020", "--json", *EXAMPLE]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["next"] for row in rows] == [False] * 4 + [True]
    assert rows[0]["date"] == "2020-03-04"
    assert rows[0]["begins"] == "2020-03-04T09:00:00+09:00"


def test_a_file_for_calendars(capfdbinary):
    """Bytes as RFC 5545 has them, line ends and all."""
    assert main(["rehearsals", "--year", "2026", "--ics", *EXAMPLE]) == 0
    shown = capfdbinary.readouterr().out
    assert shown.startswith(b"BEGIN:VCALENDAR\r\n")
    assert shown.endswith(b"END:VCALENDAR\r\n")
    assert shown.count(b"\n") == shown.count(b"\r\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["Q5", *EXAMPLE], 22, "There is: Q1, Q2, Q3, Q4."),
        (["--year", "0x7ea", *EXAMPLE], 64, "--year"),
        (["--year", "-1", *EXAMPLE], 64, "--year -1"),
        (["--limit", "rdeis", *EXAMPLE], 22, "rdeis"),
    ],
)
def test_bad_input_is_one_sentence(words, code, said, capsys):
    """Each with its own code."""
    assert main(["rehearsals", *words]) == code
    assert said in capsys.readouterr().err


def test_an_inventory_without_a_calendar_says_how_to_have_one(tmp_path, capsys):
    """It names where it would stand."""
    (tmp_path / "hosts.yml").write_text("all: {hosts: {a: {ansible_connection: local}}}")
    assert main(["rehearsals", "-i", str(tmp_path / "hosts.yml")]) == 22
    assert "inventory/example" in capsys.readouterr().err
