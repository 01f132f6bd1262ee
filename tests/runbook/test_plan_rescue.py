"""What a plan foresees of a block that may fail: its rescue, and what is done in any case."""

import json
from pathlib import Path

import pytest

from agent.cli import main

PAGE = """
title: A block that may fail
params: {wanted: {type: flag, default: true}, rc: {type: number, default: 0}}
steps:
  - {id: asks, sh: echo 42, reads: true, register: asked}
  - id: outer
    name: {en: Cut over, ko: 전환}
    when: wanted
    block:
      - {id: looks, sh: "echo 7; exit RC", reads: true, register: seen}
      - {id: cuts, sh: echo 1, changes: the new way}
    rescue:
      - {id: sure, sh: "echo {{ asked.out }}", changes: the old way, register: back}
      - {id: maybe, sh: "echo {{ seen.out }}", changes: what was seen}
      - {id: absent, sh: test -e LOG, reads: true}
      - id: inner
        block: [{id: deep, sh: echo 5, changes: deeper}]
        rescue: [{id: deepest, sh: echo 6, changes: the deepest}]
    always: [{id: tidy, sh: echo 8, changes: the rest}]
  - {id: next, sh: "echo {{ seen.out }}", changes: what comes next}
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Plan the page on one local host."""
    host = f"{{ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}"
    (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {{here: {host}}}}}\n")
    (tmp_path / "page.yml").write_text(PAGE.replace("LOG", str(tmp_path / "log")).replace("RC", "{{ rc }}"))
    return ["plan", str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml")]


def planned(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    """Return what is foreseen of each step."""
    assert main([*words, "--json"]) == 0
    return {each["step"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())}


def test_it_stands_under_its_block(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With what would be changed, and the same text each time."""
    texts = []
    for _ in range(2):
        assert main(words) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    lines = texts[0].splitlines()
    assert "  If a step of Cut over fails:" in lines
    assert "        ! the old way: echo 42" in lines
    assert "    If a step of inner fails:" in lines
    assert "          ! the deepest: echo 6" in lines
    assert "  In any case, after Cut over:" in lines
    assert "        ! the rest: echo 8" in lines
    assert "      ! what comes next: echo 7" in lines
    assert main([*words, "--lang", "ko"]) == 0
    assert "  전환의 단계가 실패하면:" in capsys.readouterr().out


def test_what_the_block_would_have_told_is_open_in_its_rescue(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As nobody knows which of its steps fails; what it told is certain again behind it."""
    found = planned(words, capsys)
    assert {step: each["verdict"] for step, each in found.items()} == {
        "asks": "would run",
        "looks": "would run",
        "cuts": "would run",
        "sure": "would run",
        "maybe": "depends",
        "absent": "would run",
        "deep": "would run",
        "deepest": "would run",
        "tidy": "would run",
        "next": "would run",
    }
    assert found["maybe"]["hinges"] == "seen"
    assert "test -e" in str(found["absent"]["hinges"])
    assert [part["kind"] for part in found["deepest"]["parts"]] == ["rescue", "rescue"]  # type: ignore[attr-defined]
    assert found["tidy"]["parts"] == [{"kind": "always", "step": "outer", "name": "Cut over"}]
    assert found["cuts"]["parts"] == []


def test_a_block_that_fails_as_things_are_leaves_open_what_comes_after(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What it should have told is known in the run alone."""
    found = planned([*words, "--set", "rc=3"], capsys)
    assert found["looks"]["verdict"] == "would fail"
    assert found["sure"]["verdict"] == "would run"
    assert found["next"] == {**found["next"], "verdict": "depends", "hinges": "seen"}


def test_a_block_that_is_not_needed_is_not_rescued(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is anything tidied up after it."""
    found = planned([*words, "--set", "wanted=no"], capsys)
    assert {found[step]["verdict"] for step in ("looks", "sure", "deepest", "tidy")} == {"would skip"}


UNDONE = """
title: A step that can be taken back
params: {wanted: {type: flag, default: true}}
steps:
  - id: moves
    name: {en: Move aside, ko: 옮겨 두기}
    sh: "echo {{ wanted }}; test -e LOG"
    changes: what there was
    register: moved
    when: wanted
    undo: {id: back, sh: "echo {{ moved.rc }}; test -e LOG", changes: what there was, register: moved}
  - {id: asks, sh: echo 1, reads: true, register: asked}
  - id: hinges
    sh: echo 2
    changes: a thing
    when: wanted and moved.rc == 0
    undo: {id: unhinged, sh: echo 3, changes: the thing}
  - {id: next, sh: "echo {{ asked.out }}", changes: what comes next}
"""


def test_how_a_step_would_be_taken_back(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It stands under its step, hinges on what that hinges on, and leaves what comes after as it was."""
    page = Path(words[1])
    page.write_text(UNDONE.replace("LOG", str(page)))
    found = planned(words, capsys)
    assert [*found] == ["moves", "back", "asks", "hinges", "unhinged", "next"]
    assert found["back"]["parts"] == [{"kind": "undo", "step": "moves", "name": "Move aside"}]
    assert (found["back"]["verdict"], found["back"]["hinges"]) == ("depends", "moved")
    assert (found["unhinged"]["verdict"], found["unhinged"]["hinges"]) == ("depends", "moved")
    assert (found["next"]["verdict"], found["next"]["parts"]) == ("would run", [])
    assert main(words) == 0
    assert "  If a later step fails, Move aside is taken back:" in capsys.readouterr().out
    assert main([*words, "--lang", "ko"]) == 0
    assert "  이후 단계가 실패하면 되돌림 (옮겨 두기):" in capsys.readouterr().out


def test_what_is_not_done_is_not_taken_back(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A step that would be left out has no undo either."""
    page = Path(words[1])
    page.write_text(UNDONE.replace("LOG", str(page)))
    found = planned([*words, "--set", "wanted=no"], capsys)
    assert found["moves"]["verdict"] == "would skip"
    assert "back" not in found
