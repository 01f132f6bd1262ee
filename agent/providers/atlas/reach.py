"""Have the inventory's references lead to the spare: its connection strings, written where they point."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from agent.errors import BadInventory, StepFailed
from agent.pitr.address import moved, parts
from agent.providers.atlas.api import Api
from agent.providers.atlas.calls import GET_CLUSTER
from agent.providers.atlas.replies import Cluster
from agent.providers.atlas.told import Member, member
from agent.secrets import never_show

PREFIX = "DRILLYARD_ATLAS_"


def connect(api: Api, spec: dict[str, Any]) -> Member:
    """Write each connection string of the spare into its file, for its owner alone, and tell the spare.

    `files` says which file gets the present string of which name, moved to the spare; `set` names those that
    the inventory has otherwise and that are only compared. The strings come as secrets.

    Raises:
        StepFailed: the spare has no address yet.
        BadInventory: a string that is set leads elsewhere.
    """
    found = api.get(GET_CLUSTER, Cluster, {"project": spec["project"], "cluster": spec["spare"]})
    spare = member(found, spec["address"])
    if not spare.address:
        raise StepFailed(
            f"{spare.name} is {spare.state} and has no {spec['address']} address.",
            do="Wait until it is IDLE, or name another kind of `address` in the inventory.",
        )
    for name, path in spec["files"].items():
        _write(Path(path), moved(_secret(name), spare.address))
    for name in spec["set"]:
        there = parts(_secret(name)).hosts
        if set(there) != set(parts(spare.address).hosts):
            raise BadInventory(
                f"{name} should lead to {spare.address}, found {', '.join(there)}.",
                do=f"Correct it, or write {name}: !file PATH and have that file written.",
            )
    return spare


def _secret(name: str) -> str:
    text = os.environ.pop(PREFIX + name.upper(), "")
    if not text:
        raise BadInventory(f"Expected the connection string {name}, found none.")
    never_show(text)
    return text


def _write(path: Path, text: str) -> None:
    never_show(text)
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
