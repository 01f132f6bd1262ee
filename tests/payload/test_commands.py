"""The table of commands against a real server, and the programs as they travel."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.payload import bundle
from agent.payload.commands import DENIED, KNOWN, RELATIVE, Verb, fits, keys_of, with_others
from tests.pythons import OLD, python
from tests.systems.server import redis_here


def test_table_is_the_servers(tmp_path: Path) -> None:
    """Every writing command of a real server is in the table, with its words and keys."""
    with redis_here(tmp_path) as here:
        here.start()
        listed = here.client.execute_command("COMMAND")
    for name, facts in listed.items():
        ours = Verb(*(facts[key] for key in ("arity", "first_key_pos", "last_key_pos", "step_count")))
        if "write" in facts["flags"] and name not in ("restore-asking", "pfdebug"):
            assert KNOWN[name.encode()] == ours, name
        elif name.encode() in KNOWN:
            assert KNOWN[name.encode()].arity == ours.arity, name
    assert set(KNOWN) >= DENIED | RELATIVE


def test_keys_and_words() -> None:
    """Keys stand where the table says; a command with too few or too many words does not fit."""
    assert keys_of(KNOWN[b"mset"], [b"mset", b"a", b"1", b"b", b"2"]) == [b"a", b"b"]
    assert keys_of(KNOWN[b"del"], [b"del", b"a", b"b"]) == [b"a", b"b"]
    assert keys_of(KNOWN[b"flushall"], [b"flushall"]) == []
    assert fits(KNOWN[b"set"], 5)
    assert not fits(KNOWN[b"set"], 2)
    assert not fits(KNOWN[b"incr"], 3)
    assert fits(with_others(["JSON.SET"])[b"json.set"], 4)


def pythons() -> list[str]:
    """This Python, and the oldest we promise to run on where the machine has one that works."""
    old = python(OLD[0])
    return [sys.executable, *([old] if old else [])]


@pytest.mark.parametrize("name", ["aof", "check", "rebuild", "log_copy", "sweep", "sample"])
def test_programs_run_from_stdin_with_nothing_installed(name: str, tmp_path: Path) -> None:
    """Each program is one text that an isolated Python runs; an impossible task is a sentence and code 1."""
    spec = {
        "do": "inspect",
        "data_dir": str(tmp_path / "none"),
        "aof_dir": "a",
        "aof_name": "b",
        "user": "root",
    }
    spec |= {"path": str(tmp_path / "none.rdb"), "work": str(tmp_path / "none" / "work"), "depth": "opens"}
    spec |= {"cli": [str(tmp_path / "none" / "redis-cli")], "pattern": "temp:*"}
    for each in pythons():
        done = subprocess.run(
            [each, "-I", "-", json.dumps(spec)],
            input=bundle.program(name),
            capture_output=True,
            cwd="/",
            check=False,
        )
        if name == "check":
            assert json.loads(done.stdout)["state"] == "missing"
        elif name == "aof":
            assert json.loads(done.stdout)["manifest"] == "missing"
        else:
            assert done.returncode == 1
            assert b"none" in done.stderr
            assert b"Traceback" not in done.stderr


NEWER = {"pairwise", "file_digest", "batched", "bit_count", "hardlink_to", "blobopen", "serialize"}
"""Names of the standard library that came after Python 3.9 and would be handy here."""


def too_new(node: ast.AST) -> bool:
    """Whether a piece of a program parses with an old Python and fails when it is run."""
    match node:
        case ast.Call(func=ast.Name("zip"), keywords=words):
            return any(word.arg == "strict" for word in words)
        case ast.Call(func=ast.Attribute(value=ast.Name(owner), attr="stat"), keywords=words):
            return owner != "os" and any(word.arg == "follow_symlinks" for word in words)
        case ast.Call(func=ast.Name("isinstance"), args=[_, ast.BinOp()]):
            return True
        case ast.Assign(value=value):
            # An annotation is never evaluated, an alias is.
            unions = (each for each in ast.walk(value) if isinstance(each, ast.BinOp))
            return any(isinstance(each.op, ast.BitOr) and _is_none(each.right) for each in unions)
        case ast.Attribute(attr=name) | ast.alias(name=name):
            return name in NEWER
    return False


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


@pytest.mark.parametrize(
    "module", sorted(Path(bundle.__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_programs_are_python_3_9(module: Path) -> None:
    """What travels must be read by the oldest Python we promise, and import nothing that is not there."""
    tree = ast.parse(module.read_text("utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        assert not too_new(node), f"{module.name}:{getattr(node, 'lineno', '?')}"
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            # A bucket is spoken to by the host's boto3, as another host is by its rsync.
            ours = ("agent", "boto3", "botocore") if module.stem == "bucket" else ("agent",)
            assert name.startswith("agent.payload") or name.split(".")[0] in (*ours, *sys.stdlib_module_names)
