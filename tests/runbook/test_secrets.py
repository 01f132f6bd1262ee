"""Nothing that a whole run leaves behind holds a secret, whatever its shape and whatever went wrong."""

from __future__ import annotations

import json
import os
import shlex
import signal
from pathlib import Path

import pytest

from agent import secrets
from agent.cli import main
from agent.errors import BadInventory
from tests.sshd import CLERK, Sshd

SECRETS = {
    "quoted": "it's \"quoted\" \\ and it's not",
    "lines": "-----BEGIN KEY-----\nQUJDREVGRw==\n  third 'line'\n-----END KEY-----",
    "unicode": "비밀-пароль-🔑-é",
    "shell": "$(id) `x` ${HOME} ;&|<>*?[a]!",
    "odd": "tab\tand %s %d \x01 {{ braces }} end",
}
PAGE = """
title: Leaky
system: redis
steps:
  - {id: say, do: tests.runbook.leaky.say, with: {folder: FOLDER}, register: said}
  - id: echo
    sh: "printf '%s' {{ said.quoted }} {{ said.lines }}; echo {{ said.unicode }} >&2"
    changes: prints
"""
LAST = {
    "done": "",
    "failed": "  - {id: last, do: tests.runbook.leaky.fail}\n",
    "broken": "  - {id: last, do: tests.runbook.leaky.break_down}\n",
    "shell": '  - {id: last, sh: "echo {{ said.shell }} >&2; exit 4", changes: fails}\n',
}
CODES = {"done": 0, "failed": 10, "broken": 70, "shell": 10}


def shapes() -> dict[str, set[bytes]]:
    """Every way each secret could stand in a file."""
    found = {}
    for name, text in {**SECRETS, "sudo": CLERK}.items():
        ways = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
        ways |= {shlex.quote(text), *(line for line in text.split("\n") if len(line) >= 8)}
        found[name] = {way.encode() for way in ways}
    return found


def holding(folder: Path, named: dict[str, set[bytes]]) -> list[str]:
    """The files below a folder that hold a secret, by name and secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [f"{path}: {name}" for path in files for name, ways in named.items() if _any_in(path, ways)]


def _any_in(path: Path, ways: set[bytes]) -> bool:
    data = path.read_bytes()
    return any(way in data for way in ways)


def host(road: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The variables of one host, and how to get there."""
    common = f"drillyard_state_dir: {tmp_path}/state"
    if road in ("local", "worker"):
        return f"{common}, ansible_connection: local{', drillyard_worker: seoul' * (road == 'worker')}"
    sshd: Sshd = request.getfixturevalue("sshd")
    user = "clerk" if sshd.accounts else "root"
    return (
        f"{common}, ansible_host: 127.0.0.1, ansible_port: {sshd.port}, ansible_user: {user}, "
        f"ansible_ssh_private_key_file: {sshd.key_file}, drillyard_known_hosts: {sshd.known_hosts}, "
        "ansible_become: yes, ansible_become_password: !env SECRET_SUDO"
    )


@pytest.mark.parametrize(
    ("road", "end"),
    [*(("local", end) for end in LAST), ("ssh", "failed"), ("worker", "failed"), ("worker", "done")],
)
def test_nothing_holds_a_secret(road, end, request, tmp_path, monkeypatch, capfd):
    """Journal, audit, evidence, both screens, job files; done, failed, or by a defect of ours."""
    monkeypatch.setattr(secrets, "_seen", set())
    for name, text in {**SECRETS, "sudo": CLERK}.items():
        monkeypatch.setenv(f"SECRET_{name.upper()}", text)
    serves = ", ".join(f"{name}: !env SECRET_{name.upper()}" for name in SECRETS)
    place = host(road, request, tmp_path)
    (tmp_path / "kept").mkdir()
    service = f"{{supervisor: systemd, unit: x, {serves}}}"
    (tmp_path / "hosts.yml").write_text(
        f"all: {{hosts: {{one: {{{place}, serves: {{redis: {service}}}}}}}}}\n"
    )
    (tmp_path / "page.yml").write_text(PAGE.replace("FOLDER", f"{tmp_path}/kept") + LAST[end])
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    inventory = ["-i", str(tmp_path / "hosts.yml")]
    if road == "worker":
        inventory += ["--engine", request.getfixturevalue("cluster").engine]
    page, runs = str(tmp_path / "page.yml"), ["--runs", str(tmp_path / "runs")]
    codes = [
        main(["run", page, *inventory, *runs, "--json"]),
        main(["run", page, *inventory, *runs]),
        main(["plan", page, *inventory, "--diff"]),
    ]
    shown = capfd.readouterr()
    assert codes == [CODES[end], CODES[end], 70 if end == "broken" else 0], shown
    (tmp_path / "shown").write_text(shown.out + shown.err)
    assert len(holding(tmp_path / "kept", shapes())) >= len(SECRETS)
    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    assert (tmp_path / "runs" / "audit.jsonl").exists()
    assert list(tmp_path.glob("runs/*/output/*"))
    assert holding(tmp_path, shapes()) == []
    assert "••••" in shown.out


@pytest.mark.parametrize(
    ("password", "told"), [("redis", True), ("x9-Tq2", True), ("Wq7-kd93-redis-2", False), ("other", False)]
)
def test_a_password_that_is_a_word_is_said_to_hide_words(password, told, tmp_path, monkeypatch, capfd):
    """Where a step fails on an answer that masking took words out of, the reason says so; else not."""
    monkeypatch.setattr(secrets, "_seen", {password})
    place = f"drillyard_state_dir: {tmp_path}/state, ansible_connection: local"
    service = "{supervisor: systemd, unit: x}"
    (tmp_path / "hosts.yml").write_text(
        f"all: {{hosts: {{one: {{{place}, serves: {{redis: {service}}}}}}}}}\n"
    )
    (tmp_path / "page.yml").write_text(
        "title: Words\nsystem: redis\nsteps:\n"
        '  - {id: last, sh: "echo redis-server x9-Tq2 Wq7-kd93-redis-2 >&2; exit 4", changes: fails}\n'
    )
    inventory = ["-i", str(tmp_path / "hosts.yml"), "--runs", str(tmp_path / "runs")]
    assert main(["run", str(tmp_path / "page.yml"), *inventory]) == 10
    shown = " ".join(capfd.readouterr().out.split())
    assert ("Give that service a longer password" in shown) is told


PARAM = """
title: A secret parameter
system: redis
params:
  password: {type: secret}
  second: {type: secret, default: "!file second"}
steps:
  - {id: one, sh: "printf '%s|' {{ password }} {{ second }} {{ params.password }} > KEPT", changes: writes}
  - {id: two, sh: "echo {{ password }}; test -e FOLDER/go", changes: prints}
"""


def param_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A page with a secret parameter that is given as a reference, on this machine."""
    monkeypatch.setattr(secrets, "_seen", set())
    monkeypatch.setenv("SECRET_QUOTED", SECRETS["quoted"])
    place = f"drillyard_state_dir: {tmp_path}/state, ansible_connection: local"
    service = "{supervisor: systemd, unit: x}"
    (tmp_path / "hosts.yml").write_text(
        f"all: {{hosts: {{one: {{{place}, serves: {{redis: {service}}}}}}}}}\n"
    )
    (tmp_path / "kept").mkdir()
    (tmp_path / "second").write_text(SECRETS["unicode"])
    text = PARAM.replace("KEPT", f"{tmp_path}/kept/said").replace("FOLDER", str(tmp_path))
    (tmp_path / "page.yml").write_text(text)
    return [str(tmp_path / "page.yml"), "-i", str(tmp_path / "hosts.yml"), "--runs", str(tmp_path / "runs")]


def test_a_secret_parameter_is_a_reference_to_the_end(tmp_path, monkeypatch, capfd):
    """The command gets it by its environment; journal, page copy, audit, screens and the resume name it."""
    arguments = param_world(tmp_path, monkeypatch)
    given = ["--set", "password=!env SECRET_QUOTED"]
    assert main(["plan", *arguments, *given]) == 0
    assert main(["run", *arguments, *given]) == 10
    (tmp_path / "go").touch()
    assert main(["resume", "latest", *arguments[3:], "--verbose"]) == 0
    both = SECRETS["quoted"], SECRETS["unicode"], SECRETS["quoted"]
    assert (tmp_path / "kept/said").read_text() == "|".join((*both, ""))
    (tmp_path / "kept/said").unlink()
    (tmp_path / "second").unlink()
    shown = capfd.readouterr()
    (tmp_path / "shown").write_text(shown.out + shown.err)
    assert holding(tmp_path, shapes()) == []
    (journal,) = tmp_path.glob("runs/*/journal.jsonl")
    assert json.loads(journal.read_text().splitlines()[0])["params"]["password"] == "!env SECRET_QUOTED"


def test_a_secret_parameter_that_is_written_out_is_refused(tmp_path, monkeypatch, capfd):
    """Before anything is touched or kept, and without saying it again."""
    arguments = param_world(tmp_path, monkeypatch)
    assert main(["run", *arguments, "--set", "password=Wq7-kd93-redis"]) == 64
    said = capfd.readouterr().err
    assert "!env NAME" in said
    assert "Wq7-kd93-redis" not in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  second: {type: secret, default: Wq7-kd93}", "written out"),
        ("  - {id: two, sh: [echo, '{{ password }}'], changes: prints}", "argument list"),
    ],
)
def test_a_page_cannot_give_a_secret_away(line, said, tmp_path, monkeypatch, capfd):
    """Neither as a default in the page, nor as a word of an argument list."""
    arguments = param_world(tmp_path, monkeypatch)
    start = line.partition(": ")[0]
    lines = (tmp_path / "page.yml").read_text().splitlines()
    text = "\n".join(line if each.startswith(start) and "one" not in each else each for each in lines)
    (tmp_path / "page.yml").write_text(text)
    assert main(["run", *arguments, "--set", "password=!env SECRET_QUOTED"]) == 20
    shown = capfd.readouterr()
    assert said in shown.out + shown.err


def test_a_command_for_a_secret_is_run_once(tmp_path, monkeypatch):
    """Whoever reveals it again gets what it said; it reads nothing of ours, and a failure is no answer."""
    monkeypatch.setattr(secrets, "_said", {})
    monkeypatch.setattr(secrets, "_seen", set())
    program = tmp_path / "program"
    program.write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/calls\ntest -e {tmp_path}/go || exit 3\ncat\necho Wq7\n"
    )
    program.chmod(0o755)
    secret = secrets.Secret("command", str(program), "hosts.yml:3")
    with pytest.raises(BadInventory, match=r"hosts\.yml:3: the secret's command ended with code 3"):
        secret.reveal()
    (tmp_path / "go").touch()
    assert [secret.reveal(), secret.reveal()] == ["Wq7", "Wq7"]
    assert (tmp_path / "calls").read_text() == "x\nx\n"


def test_a_command_for_a_secret_that_hangs_is_ended(tmp_path, monkeypatch):
    """Even where what it started holds on to its outputs."""
    monkeypatch.setattr(secrets, "_PATIENCE", 0.3)
    (tmp_path / "program").write_text(
        "#!/bin/sh\nsleep 60 &\necho $! > PID\nsleep 60\n".replace("PID", f"{tmp_path}/pid")
    )
    (tmp_path / "program").chmod(0o755)
    with pytest.raises(BadInventory, match="did not run: TimeoutExpired"):
        secrets.Secret("command", str(tmp_path / "program")).reveal()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
