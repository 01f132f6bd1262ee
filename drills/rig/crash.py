"""Stops a service dead, alters its files before it can come back, and lets systemd restart it on them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from agent.errors import StepFailed
from drills.rig.fault import Scene, Wound

# What every strike needs on the host. The process stands still while its files change, so the damage is
# what was planned whatever the load; then it dies without a chance to mend anything.
_PROGRAM = '''
import glob, hashlib, json, os, signal, subprocess, sys
order = json.loads(sys.argv[1])

def newest(pattern):
    """The file of that pattern with the highest number in its name, safety copies left alone."""
    found = glob.glob(os.path.join(order["data_dir"], "**", pattern), recursive=True)
    found = [path for path in found if "/drillyard-" not in path]
    number = lambda path: [int(part) for part in path.split(".") if part.isdigit()]
    if not found:
        sys.exit(f"no {pattern} below {order['data_dir']}")
    return max(found, key=number)

def read(path):
    with open(path, "rb") as file:
        return file.read()

def overwrite(path, data):
    """Change a file's content in place: owner, mode and inode stay."""
    with open(path, "r+b") as file:
        file.write(data)
        file.truncate()

def place(path, data):
    """The offset that the order's `where` means: a share of the file, or of what came after the backup."""
    mark = order["marks"].get(path, len(data)) if order.get("since_backup") else 0
    return mark + int((len(data) - mark) * order.get("where", 0.5))

def damage():
    """Alter the files and return the facts."""
    return {}
#DAMAGE
def main_pid():
    """The service's process: systemd's, or in a container without it, what the first process has started."""
    shown = subprocess.run(["systemctl", "show", "--property=MainPID", "--value", order["unit"]],
                           capture_output=True, text=True)
    if shown.returncode == 0:
        return int(shown.stdout)
    with open("/proc/1/task/1/children") as file:
        return int(([*file.read().split(), "0"])[0])

pid = main_pid()
if pid:
    os.kill(pid, signal.SIGSTOP)
try:
    facts = damage()
    # A container goes with its service, and with it whoever still has something to say in it.
    print(json.dumps({**facts, "pid": pid}), flush=True)
finally:
    if pid:
        os.kill(pid, signal.SIGKILL)
'''


def crash(scene: Scene, what: str, damage: str, **order: Any) -> Wound:
    """Freeze the scene's service, run `damage` on its host, kill the service, and return the wound.

    `damage` is Python source defining `damage() -> dict`; it may use newest, read, overwrite, place and
    `order`, which holds the keyword arguments, the scene's unit, data_dir, marks, and seeded bytes `noise`.
    """
    noise = random.Random(scene.seed).randbytes(int(order.get("bytes", 0)) or 1).hex()
    full: Mapping[str, Any] = {
        "unit": scene.unit,
        "data_dir": scene.data_dir,
        "marks": dict(scene.marks),
        "noise": noise,
        **order,
    }
    program = _PROGRAM.replace("#DAMAGE", damage)
    done = scene.host.exec("python3", "-", json.dumps(full), stdin=program.encode(), ok=(0, 137))
    if not done.text:
        raise StepFailed(
            f"{scene.host.name}: expected to be told of the damage, found nothing: the host is gone."
        )
    return Wound(what, json.loads(done.text))
