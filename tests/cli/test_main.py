"""The command line: help, exit codes, one sentence an error."""

import argparse
import json
import re
import shlex
import subprocess
import sys

import pytest

from agent.cli import main
from agent.cli.codes import ENDS, exit_codes, exit_codes_of
from agent.cli.parser import command_line, parse
from tests.documents import ROOT

EXAMPLE = str(ROOT / "inventory/example")


def test_help_lists_every_exit_code(capsys):
    """--help has the whole table, from the errors themselves."""
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert exit_codes() in shown
    assert "  24  Another run is at work" in shown
    for code in ("10", "24", "31", "41", "60", "130"):
        assert f"\n  {code:>3}  " in shown


VERBS = sorted(
    next(each for each in command_line()._actions if isinstance(each, argparse._SubParsersAction)).choices
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example_and_its_own_exit_codes(verb, capsys):
    """--help of every verb has an example that parses, and the codes that verb can end with."""
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    shown = capsys.readouterr().out
    (example,) = re.findall(rf"example:\n  drillyard ({verb}.*)", shown)
    parse(shlex.split(example.partition(" > ")[0]))
    assert verb in ENDS
    codes = {int(code) for code in re.findall(r"^ +(\d+)  ", shown.partition("exit codes:")[2], re.MULTILINE)}
    assert {0, 64, 130} <= codes
    assert {kind.exit_code for kind in ENDS[verb]} <= codes


@pytest.mark.parametrize(
    ("verb", "code", "can"),
    [
        ("check", 3, True),
        ("hosts", 41, False),
        ("resume", 50, True),
        ("run", 50, False),
        ("audit", 30, False),
    ],
)
def test_a_verb_names_no_code_it_cannot_end_with(verb, code, can):
    """`hosts` takes no safety copy, `audit` connects to nobody."""
    assert (f"\n  {code:>3}  " in "\n" + exit_codes_of(verb)) is can


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frobnicate"], 64, "There is no verb frobnicate."),
        (["hosts"], 64, "DRILLYARD_INVENTORY"),
        (["hosts", "-i", "nowhere.yml"], 21, "nowhere.yml"),
        (["run", "redis_oaf", "-i", EXAMPLE], 22, "Did you mean redis_aof?"),
        (["run", "redis_aof", "-i", EXAMPLE, "--limit", "redsi"], 22, "redsi"),
        (["run", "redis_aof", "-i", EXAMPLE, "--set", "x=1"], 64, "no parameter 'x'"),
        (["run", "redis_aof", "-i", EXAMPLE], 23, "--confirm"),
        (["resume", "nothing", "--runs", "/nonexistent"], 22, "no run"),
        (["chek", "-i", EXAMPLE], 64, "Did you mean check?"),
        (["zzz"], 64, "There is no verb zzz. There is: hosts, check"),
        (["check", "-i", EXAMPLE, "--forks", "0"], 64, "expected a whole number from 1 up, found 0"),
        (["run", "redis_aof", "-i", EXAMPLE, "--forks=-3"], 64, "from 1 up, found -3"),
        (["hosts", "-i", EXAMPLE, "--ping", "--forks", "x"], 64, "from 1 up, found x"),
        (["audit", "verify", "3"], 64, "audit verify: it takes no line"),
        (["audit", "acknowledge", "3"], 64, "expected the number of the torn line, and --reason"),
        (["audit", "acknowledge", "--reason", "x"], 64, "expected the number of the torn line"),
        (["audit", "acknowledge", "x", "--reason", "x"], 64, "invalid int value"),
        (["audit", "verify", "--runs", "/nonexistent"], 22, "Could not look: there is no line of an audit"),
    ],
)
def test_bad_input_is_one_sentence(arguments, code, said, capsys, monkeypatch, tmp_path):
    """Each ends with its own code and a sentence, before anything is touched."""
    monkeypatch.delenv("DRILLYARD_INVENTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.startswith("drillyard: ")
    assert "Traceback" not in shown


def test_forks_from_one_up():
    """One at a time is a number of hosts; what is not said is eight."""
    assert parse(["check", "--forks", "1"]).forks == 1
    assert parse(["hosts", "--ping"]).forks == 8


def test_hosts_as_json(capsys):
    """One object a host, with what it serves."""
    assert main(["hosts", "-i", EXAMPLE, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"redis"} <= {system for row in rows for system in row["serves"]}


def test_runbooks_in_korean(capsys):
    """--lang ko gives the titles in Korean."""
    assert main(["runbooks", "--lang", "ko"]) == 0
    assert "AOF 파일 손상" in capsys.readouterr().out


def test_starting_loads_nothing_heavy():
    """`hosts` starts without the libraries that only a run needs."""
    code = (
        "import sys; from agent.cli import main; main(['hosts', '-i', sys.argv[1]]); "
        "print(sorted({'fabric', 'paramiko', 'rich', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, EXAMPLE], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("said", "code"), [("ko", 0), ("en", 0), ("ko_KR.UTF-8", 0), ("kr", 64), ("fr", 64)])
def test_a_language_that_is_not_spoken_is_refused(tmp_path, capsys, said, code):
    """kr is a country; English in its place would be a surprise."""
    (tmp_path / "hosts.yml").write_text("all: {hosts: {a: {ansible_connection: local}}}")
    assert main(["hosts", "-i", str(tmp_path / "hosts.yml"), "--lang", said]) == code
    assert ("expected en or ko, found" in capsys.readouterr().err) == bool(code)


def test_a_host_without_a_port_is_shown_without_one(tmp_path, capsys):
    """This machine has no address, and a container has a name."""
    local, docker = "{ansible_connection: local}", "{ansible_connection: docker, ansible_host: c1}"
    (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {{a: {local}, b: {docker}, c: }}}}")
    assert main(["hosts", "-i", str(tmp_path / "hosts.yml"), "--json"]) == 0
    shown = [json.loads(line)["address"] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["", "c1", "c:22"]
