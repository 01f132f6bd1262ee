"""How a program of this folder travels: its modules as one text that `python3 -I -` reads from stdin."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent

# Modules land under their own names, so that the text is the same here, in tests and on a host.
_LOADER = """\
import sys, types
for _name in ("agent", "agent.payload"):
    sys.modules[_name] = types.ModuleType(_name)
    sys.modules[_name].__path__ = []
for _name, _text in {sources}:
    _module = sys.modules["agent.payload." + _name] = types.ModuleType("agent.payload." + _name)
    exec(compile(_text, "drillyard/" + _name + ".py", "exec"), _module.__dict__)
sys.exit(_module.main(sys.argv[1:]))
"""

_READING = ("owner", "programs", "commands", "resp", "survey", "chain", "logs", "rdb")
_SET = (
    "durable",
    "gently",
    "owner",
    "sealed",
    "blocks",
    "tarball",
    "pages",
    "rows",
    "vectors",
    "united",
    "gate",
    "kept_set",
    "waiting",
    "telling",
    "second_names",
    "states",
    "take_set",
)
_NEEDS = {
    "aof": (*_READING, "aof"),
    "recreate": ("recreate",),
    "answers": ("visit", "answers"),
    "app_facts": ("visit", "app_facts"),
    "answering": ("visit", "answering"),
    "app_checks": ("visit", "websocket", "app_checks"),
    "check": ("owner", "programs", "chain", "rdb", "scratch", "laid", "check"),
    "rebuild": (*_READING, "aof", "scratch", "laid", "foundation", "mend", "rebuild"),
    "take_set": _SET,
    "check_set": (*_SET, "fold", "unfold", "check_set"),
    "restore_set": (*_SET, "fold", "unfold", "swap", "shipper", "restore_set"),
    "stream": (*_SET, "fold", "unfold", "swap", "shipper", "restore_set", "stream"),
    "look_data": (*_SET, "fold", "unfold", "hnsw", "look_data"),
    "reunite": (*_SET, "fold", "unfold", "hnsw", "swap", "dropped", "reunite"),
    "list_sets": (*_SET, "list_sets"),
    "bucket": ("durable", "gently", "pieces", "bucket"),
    "bucket_prune": ("durable", "gently", "pieces", "bucket", "bucket_prune"),
    "log_copy": (*_READING, "scratch", "log_copy"),
    "sweep": ("kept_cli", "waits", "sweep"),
    "sample": ("kept_cli", "sample"),
    "data_facts": ("telling", "visit", "data_facts"),
    "data_mend": ("telling", "visit", "data_facts", "data_mend"),
}


@cache
def program(name: str) -> bytes:
    """Return the text of payload program `name`, a key of the table above: feed it to `python3 -I - ARGS`."""
    sources = [(module, (_HERE / f"{module}.py").read_text("utf-8")) for module in _NEEDS[name]]
    return _LOADER.format(sources=json.dumps(sources)).encode()
