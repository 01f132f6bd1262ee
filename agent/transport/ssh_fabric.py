"""Fabric and paramiko, loaded without a third of what they load: tools for tests, mail, and a second YAML.

`invoke.context` imports unittest.mock for the MockContext of its users' tests, which nothing here makes, and
its own copy of a YAML reader that we have loaded already. Paramiko reads how it was packed, by the readers of
mail, to tell the hosts its version; ours are told who we are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import yaml


@contextmanager
def without(name: str, **instead: object) -> Iterator[None]:
    """Have imports inside the block find a module with no more than `instead`, where it is not loaded yet."""
    if name in sys.modules:
        yield
        return
    bare = ModuleType(name)
    vars(bare).update(instead)
    sys.modules[name] = bare
    try:
        yield
    finally:
        del sys.modules[name]


def _unknown(name: str) -> str:
    del name
    return "0"


with (
    without("unittest.mock", Mock=object),
    without("invoke.vendor.yaml", **vars(yaml)),
    without("importlib.metadata", version=_unknown),
):
    import fabric
    import paramiko

__all__ = ["fabric", "paramiko"]
