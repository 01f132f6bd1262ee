"""Items of a page's checklist are ticked where something can tell, and a person sees to the others."""

import json

import pytest

from agent.cli import main
from agent.errors import BadPage
from agent.inventory import read_inventory
from agent.language import say
from agent.record.journal import read_journal
from agent.runbook.check import check_page
from agent.runbook.load import load_page
from agent.transport.ask import Action, Note, Sh

HOSTS = """all:
  vars: {ansible_connection: local, drillyard_state_dir: STATE}
  hosts:
    one: {serves: {app: {supervisor: systemd, unit: a, health: "http://127.0.0.1/"}}}
    two: {serves: {app: {supervisor: systemd, unit: a, health: "http://127.0.0.1/"}}}
"""
PAGE = """title: Checks itself
system: app
on: all
steps:
  - {id: look, sh: echo 3, reads: true, register: look}
after:
  - Write the report
  - {en: Serves, ko: 서비스, check: {sh: 'test "{{ look.out }}" = 3', reads: true}}
  - {en: Logs, ko: 로그, check: {sh: "test {{ host.name }} = one", reads: true}}
  - {en: Backups, ko: 백업, check: {do: redis.status}}
  - {en: Rebuilt, ko: 재구성, check: {sh: "false", reads: true, when: look.out == 'no'}}
  - {en: Meddles, ko: 손댐, check: {do: tests.runbook.test_checklist.meddle, on: one}}
"""


def meddle(service: object) -> Action[None]:
    """Change something, which a check may not."""
    del service
    yield Note("not shown")
    yield Sh("touch", "/nonexistent/file", changes="touches a file")


@pytest.fixture
def run(tmp_path):
    """The words that run the page on two hosts."""
    (tmp_path / "hosts.yml").write_text(HOSTS.replace("STATE", str(tmp_path / "state")))
    (tmp_path / "page.yml").write_text(PAGE)
    words = ["-i", str(tmp_path / "hosts.yml"), "--runs", str(tmp_path / "runs")]
    return ["run", str(tmp_path / "page.yml"), *words]


def test_each_item_is_told_with_its_reason(run, capsys):
    """Ticked, unticked and why, open and why; whatever comes of them, the run is done."""
    assert main(run) == 0
    shown = capsys.readouterr().out
    end = shown.partition("Done, and nothing is proved")[2]
    lines = [line for line in end.splitlines() if line[:2] == "  "]
    boxes = [line.strip() for line in lines if line.startswith("  [")]
    assert boxes == [
        "[ ] Write the report",
        "[x] Serves",
        "[!] Logs",
        "[ ] Backups",
        "[ ] Rebuilt",
        "[!] Meddles",
    ]
    reasons = [line.strip() for line in lines if line.startswith("      ")]
    assert reasons[0].startswith("two: `test two = one` ended with code 1")
    assert reasons[1] == "no host of this run serves redis"
    assert "a check only looks, and this one would do more: touches a file" in reasons[2]
    assert "not shown" not in shown


def test_quiet_tells_only_what_does_not_hold(run, capsys):
    """--quiet leaves the items that need somebody now."""
    assert main([*run, "--quiet"]) == 0
    boxes = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  [")]
    assert boxes == ["[!] Logs", "[!] Meddles"]


def test_journal_and_json_have_it_too(run, capsys, tmp_path):
    """The same states under `ticks`, one an item, and no event of a step for them."""
    assert main([*run, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (end,) = [event for event in events if event["event"] == "end"]
    states = [each["state"] for each in end["ticks"]]
    assert states == ["open", "ticked", "unticked", "open", "open", "unticked"]
    assert len(end["after"]) == len(states)
    assert {event["step"] for event in events if event["event"] == "step"} == {"look"}
    (path,) = (tmp_path / "runs").glob("*/journal.jsonl")
    (kept,) = [line for line in read_journal(path) if line["kind"] == "end"]
    assert kept["ticks"] == end["ticks"]


def test_a_failed_run_checks_nothing(run, capsys, tmp_path):
    """What was not recovered has no list to tick."""
    text = PAGE.replace("sh: echo 3, reads: true", "sh: exit 3, reads: true")
    (tmp_path / "page.yml").write_text(text)
    assert main([*run, "--json"]) == 10
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (end["outcome"], end["ticks"], end["after"]) == ("failed", [], [])


def test_a_check_has_a_name_and_a_place(tmp_path):
    """It is called what its item says, in both languages, and stands where the page has it."""
    (tmp_path / "page.yml").write_text(PAGE)
    serves = load_page(tmp_path / "page.yml").checks[0]
    assert (serves.id, say(serves.name, "ko"), serves.at.line) == ("serves", "서비스", 8)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("{block: [{sh: x}]}", "A check is a step with do or sh"),
        ("{sh: x}", "needs `reads: true`"),
        ("{do: app.x, undo: {sh: x}}", "`undo` has no meaning in a check"),
        ("{do: app.x, register: y}", "`register` has no meaning in a check"),
        ("{dho: app.x}", "this step has the unknown key dho. Did you mean do?"),
        ("{sh: x, reads: true, when: 1 +}", "cannot be read"),
        ("{sh: x, reads: true, id: a}", "the id a is given to two steps"),
    ],
)
def test_a_bad_check_is_refused_with_its_line(tmp_path, check, said):
    """Like any other mistake of a page."""
    path = tmp_path / "page.yml"
    path.write_text(f"title: a\nsteps:\n- {{sh: x, id: a}}\nafter:\n- x\n- en: y\n  check: {check}\n")
    with pytest.raises(BadPage) as error:
        load_page(path)
    assert said in str(error.value)
    assert str(error.value).startswith((f"{path}:6:", f"{path}:7:"))


def test_a_check_is_proved_against_the_inventory(run, tmp_path):
    """Its action, arguments and names; that nobody serves its system is none of its faults."""
    del run
    text = PAGE.replace("{do: redis.status}", "{do: redis.statos}").replace("look.out == 'no'", "loook")
    (tmp_path / "page.yml").write_text(text)
    page = load_page(tmp_path / "page.yml")
    said = [str(each) for each in check_page(page, read_inventory(tmp_path / "hosts.yml"))]
    assert len(said) == 2
    assert "redis.statos" in said[0]
    assert "uses `loook`" in said[1]
