"""Nothing that a whole run leaves behind holds a secret, whatever its shape and whatever went wrong."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from agent import secrets
from agent.cli import main
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
    if road == "local":
        return f"{common}, ansible_connection: local"
    sshd: Sshd = request.getfixturevalue("sshd")
    user = "clerk" if sshd.accounts else "root"
    return (
        f"{common}, ansible_host: 127.0.0.1, ansible_port: {sshd.port}, ansible_user: {user}, "
        f"ansible_ssh_private_key_file: {sshd.key_file}, drillyard_known_hosts: {sshd.known_hosts}, "
        "ansible_become: yes, ansible_become_password: !env SECRET_SUDO"
    )


@pytest.mark.parametrize(("road", "end"), [*(("local", end) for end in LAST), ("ssh", "failed")])
def test_nothing_holds_a_secret(road, end, request, tmp_path, monkeypatch, capfd):
    """Journal, audit, evidence, both screens, job folders; done, failed, or by a defect of ours."""
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
