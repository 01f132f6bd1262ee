"""What a plan foresees where a block, a tag or a host is not for the run."""

import json
from pathlib import Path

import pytest

from agent.cli import main

HOSTS = """all:
  hosts:
    here: {{ansible_connection: local, drillyard_state_dir: {0}/state}}
    gone: {{ansible_host: 127.0.0.1, ansible_port: 1, drillyard_known_hosts: {0}/known_hosts}}
"""
PAGE = """
title: Three blocks
params: {wanted: {type: flag, default: false}}
steps:
  - {id: asks, sh: echo 42, reads: true, register: asked, tags: [look]}
  - {id: makes, sh: echo 1, changes: a thing, register: made, tags: [make]}
  - id: unwanted
    when: wanted
    block:
      - {id: inner, sh: echo 2, changes: another, register: inner}
  - id: sure
    when: "'42' in asked.out"
    block:
      - {id: done, sh: echo 3, changes: a third}
  - id: open
    when: "'1' in made.out"
    block:
      - {id: later, sh: echo 4, changes: a fourth}
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Plan the page over both hosts, as JSON."""
    (tmp_path / "hosts.yml").write_text(HOSTS.format(tmp_path))
    (tmp_path / "known_hosts").touch()
    (tmp_path / "page.yml").write_text(PAGE)
    return ["plan", str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml")]


def planned(
    words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0
) -> dict[str, dict[str, object]]:
    """Return what is foreseen of each step on the host that is here."""
    assert main([*words, "--limit", "here", "--json"]) == code
    return {each["step"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())}


def test_a_blocks_when_holds_for_its_steps(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Not needed, needed, or hinging on what only the run can tell, as the run would have it."""
    found = planned(words, capsys)
    assert {step: each["verdict"] for step, each in found.items()} == {
        "asks": "would run",
        "makes": "would run",
        "inner": "would skip",
        "done": "would run",
        "later": "depends",
    }
    assert found["later"]["hinges"] == "made"
    wanted = planned([*words, "--set", "wanted=yes"], capsys)
    assert wanted["inner"]["verdict"] == "would run"


def test_a_tag_leaves_out_what_the_run_leaves_out(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are foreseen as skipped."""
    found = planned([*words, "--tags", "look"], capsys)
    assert [step for step, each in found.items() if each["verdict"] == "would run"] == ["asks"]


def test_a_host_that_is_not_reached_keeps_no_other_from_its_plan(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named with the reason, and the code is that of a host that is not reached."""
    assert main(words) == 30
    said = capsys.readouterr().out
    assert "NOT REACHED" in said
    assert "gone" in said
    assert "! a fourth" not in said
    assert "! a third: echo 3" in said


def test_the_looks_are_shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Marked with a question mark, as what changes is with an exclamation mark."""
    assert main([*words, "--limit", "here"]) == 0
    said = capsys.readouterr().out
    assert "? echo 42" in said
    assert "! a thing: echo 1" in said


def test_a_block_that_no_tag_chose_is_left_out_before_its_when(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As it may speak of what a step that was left out as well would have told."""
    run = ["run", *words[1:], "--limit", "here", "--tags", "look", "--runs", str(tmp_path / "runs")]
    assert main(run) == 0
    assert "echo 3" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("language", "said"), [("en", "first a person is asked"), ("ko", "먼저 사람에게 묻습니다")]
)
def test_a_question_is_foreseen(words, tmp_path, capsys, language, said):
    """Who has a page run where nobody can answer sees by daylight that it would stop there."""
    (tmp_path / "page.yml").write_text(
        "title: T\nsteps:\n"
        "  - {id: one, sh: echo 1, changes: x, confirm: {en: Really?, ko: 정말?}}\n"
        "  - {id: two, sh: echo 2, changes: x, confirm: Not now?, when: false}\n"
    )
    assert main([*words, "--limit", "here", "--lang", language]) == 0
    shown = capsys.readouterr().out
    assert f"      … {said}: {'정말?' if language == 'ko' else 'Really?'}\n" in shown
    assert "Not now?" not in shown
    assert planned(words, capsys)["one"]["asks"] == "Really?"
