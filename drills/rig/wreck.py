"""Kills a service's container, alters its files from its docker host, and starts it again on them."""

from __future__ import annotations

import json
from typing import Any

from drills.rig.fault import Scene, Wound

_PROGRAM = """
import glob, hashlib, json, os, random, shutil, sqlite3, sys
order = json.loads(sys.argv[1])
data = order["data"]

def overwrite(path, at, content):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(content)

def damage():
    return {}
#DAMAGE
print(json.dumps(damage()))
"""


def wreck(scene: Scene, what: str, damage: str, *, off: bool = True, **order: Any) -> Wound:
    """Run the Python function `damage()` on the docker host and return the facts it returns.

    With `off` the container is killed before and started again after, as by a power cut: what it held in
    memory cannot mend its files. It may not come up on them; nobody waits for it here.
    """
    app = scene.stack.hosts[scene.unit]
    # Nothing is acknowledged once it is dead, however long the rest takes.
    at = app.power_off() if off else None
    told = json.dumps({"data": "/data", "seed": scene.seed, **order})
    done = scene.host.exec("python3", "-c", _PROGRAM.replace("#DAMAGE", damage), told)
    if off:
        app.container.start()
    return Wound(what, json.loads(done.text.splitlines()[-1]), at)
