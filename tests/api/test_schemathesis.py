"""Schemathesis against a real server: what its OpenAPI says is true, and nothing gets past the token."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import World

CONFIG = """
[auth.openapi.token]
bearer = "TOKEN"
"""
HOOKS = '''
import itertools, re, uuid, schemathesis

turns = itertools.count()

@schemathesis.hook
def before_call(context, case, kwargs):
    """Every other backup that is asked for is there; keys are new, as a used one is refused, rightly."""
    for name in list(case.headers or {}):
        if name.lower() == "idempotency-key" and re.fullmatch(r"[\\x21-\\x7e]{1,128}", case.headers[name]):
            case.headers[name] = str(uuid.uuid4())
    given = (case.path_parameters or {}).get("id")
    if "restore" in case.operation.path and isinstance(given, str):
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", given) and next(turns) % 2:
            case.path_parameters["id"] = "KNOWN"
'''


def run(world: World, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run it with every check on."""
    (world.folder / "hooks.py").write_text(HOOKS.replace("KNOWN", world.ward.history()[0].id))
    (world.folder / "schemathesis.toml").write_text(CONFIG.replace("TOKEN", world.text))
    program = Path(sys.executable).with_name("schemathesis")
    arguments = ["run", f"{url}/openapi.json", "--checks", "all", "--max-examples", "3"]
    arguments += ["--no-color", "--seed", "5", "--request-timeout", "60", *more]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(world.folder)}
    return subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, cwd=world.folder, env=env, check=False
    )


@pytest.fixture
def stocked(world: World) -> World:
    """With backups that are said to be sound, and a page that is one line in a file."""
    world.short_page()
    world.known(5)
    return world


def test_schemathesis_runs_clean(stocked: World) -> None:
    """Every answer is as documented, what makes no sense is refused, no token no answer."""
    url = stocked.serve("--changes", "10000", *stocked.short)
    done = run(stocked, url)
    assert done.returncode == 0, done.stdout[-9000:] + done.stderr[-2000:]
    assert stocked.restored()
    assert "Tested: 5" in done.stdout, done.stdout


LEAKY = """
import sys
from agent.api import gate
from agent.cli import main

token = sys.argv[1]
sound = gate._bearer
gate._bearer = lambda given: sound(given) or token
sys.exit(main(sys.argv[2:]))
"""


def test_it_would_see_a_door_left_open(stocked: World) -> None:
    """A server that takes whoever has no token for somebody is found out: the checks on tokens are on."""
    url = stocked.serve(*stocked.short, program=("-c", LEAKY, stocked.text))
    done = run(stocked, url, "--include-path", "/admin/backup/history", "--phases", "coverage")
    assert done.returncode == 1
    assert "/admin/backup/history" in done.stdout
    assert "accepts requests without authentication" in done.stdout, done.stdout
