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

_NEEDS = {
    "aof": ("commands", "resp", "survey", "chain", "logs", "rdb", "aof"),
    "recreate": ("recreate",),
    "check": ("rdb", "scratch", "check"),
    "rebuild": (
        "commands",
        "resp",
        "survey",
        "chain",
        "logs",
        "rdb",
        "aof",
        "scratch",
        "foundation",
        "mend",
        "rebuild",
    ),
}


@cache
def program(name: str) -> bytes:
    """Return the text of payload program `name`, a key of the table above: feed it to `python3 -I - ARGS`."""
    sources = [(module, (_HERE / f"{module}.py").read_text("utf-8")) for module in _NEEDS[name]]
    return _LOADER.format(sources=json.dumps(sources)).encode()
