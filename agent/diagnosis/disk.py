"""How full the file system is that holds a service's data; read by df, nothing is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agent.errors import StepFailed
from agent.inventory import Service
from agent.transport.ask import Action, Done, Sh

# What is before and behind may have blanks in its name, as a share of Windows has.
_BLOCKS = re.compile(r"\s(\d+)\s+(\d+)\s+(\d+)\s+(?:\d+%|-)\s+/")
NEARLY_FULL = 90
"""Percent in use from which it is a symptom: a rewrite or a backup needs room beside the data."""

# What is not there yet will lie on the file system of the folder that is.
_DF = (
    """p=$1; while [ ! -e "$p" ] && [ "$p" != / ]; do p=${p%/*}; p=${p:-/}; done; LC_ALL=C df -Pk -- "$p" """
)


@dataclass(frozen=True)
class Disk:
    """The file system that holds `path`: percent in use of what users may have; size and room in KiB."""

    path: str
    percent: int
    size: int
    free: int

    def __str__(self) -> str:
        return f"{self.percent} % of {_size(self.size)} at {self.path}"


def disk(service: Service, system: Any) -> Action[Disk | None]:
    """Return how full the disk of a service's data is; None where it is not on the host we ask.

    `system` are the service's settings as its own class reads them. That is its `data_dir`; of MongoDB, whose
    tools run on another host than its data, the folder of captures; the root of a service that keeps none.

    Raises:
        StepFailed: df does not say.
    """
    if service.provider or service.supervisor == "kubernetes":
        return None
    data = getattr(system, "data_dir", "")
    path = data or getattr(system, "backup_dir", "") or "/"
    done: Done = yield Sh(_DF, path, script=True, sudo=bool(data))
    return read(path, done.text)


def read(path: str, said: str) -> Disk:
    """Return what df -Pk said of the file system that holds `path`; StepFailed where it said nothing."""
    found = _BLOCKS.search(said.splitlines()[-1]) if said else None
    if found is None:
        raise StepFailed(f"df -Pk {path}: expected one file system with its blocks, found {said!r}.")
    size, used, free = map(int, found.groups())
    return Disk(path, -(-100 * used // max(used + free, 1)), size, free)


def _size(kib: int) -> str:
    return f"{kib / (1 << 20):.0f} GiB" if kib >= 2 << 20 else f"{kib / 1024:.0f} MiB"
