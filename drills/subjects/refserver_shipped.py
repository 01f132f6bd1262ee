"""What a night has before the strike where backups are encrypted and Litestream ships the database."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from agent.at_rest import stream
from agent.at_rest.model import AtRest
from agent.errors import NotInTime
from drills.rig.backups import Bench
from drills.subjects.refserver_backups import daily_and_hourly

LITESTREAM = Path(sys.executable).with_name("litestream")
_ON_HOST = "/usr/local/bin/litestream"
_DATA = AtRest("ref1", stream="/data/backups/sqlite/continuous", litestream=_ON_HOST)
_LAST = "memory: 512m"
_pause = threading.Event()

# A host of the stack has no systemd: what keeps Litestream running is a loop, as its unit would.
_KEPT_UP = (
    'nohup setsid sh -c "while :; do {line}; sleep 15; done" >/var/log/litestream.log 2>&1 </dev/null &'
)


@contextlib.contextmanager
def encrypted_and_shipped(bench: Bench) -> Iterator[str]:
    """A full set and two increments, encrypted, and Litestream running since before the first."""
    _say(bench)
    host = bench.scene.host
    host.exec("sh", "-c", f"cat >{_ON_HOST} && chmod 755 {_ON_HOST}", stdin=LITESTREAM.read_bytes())
    text = stream.files(_DATA)[stream.config(_DATA)]
    host.exec("sh", "-c", f"mkdir -p {_DATA.stream} && cat >{stream.config(_DATA)}", stdin=text.encode())
    line = f"{_ON_HOST} replicate -config {stream.config(_DATA)}"
    host.exec("sh", "-c", _KEPT_UP.format(line=line))
    end = time.monotonic() + 180
    while host.exec("sh", "-c", f"ls {_DATA.stream}/log/ltx/0/*.ltx", ok=()).rc:
        if time.monotonic() > end:
            raise NotInTime("Litestream shipped nothing within three minutes.")
        _pause.wait(0.3)
    with daily_and_hourly(bench) as sentence:
        yield f"{sentence}, encrypted with age, and Litestream ships the database"


def _say(bench: Bench) -> None:
    """Write it into the night's inventory, with a key of this night."""
    inventory = bench.agent.inventory
    identity = inventory.parent / "refserver_identity"
    subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True, text=True)
    more = (
        f"encrypt_to: [{public.stdout.strip()}]",
        f"identity: !file {identity}",
        "continuous: true",
        f"litestream: {_ON_HOST}",
    )
    lines = inventory.read_text("utf-8").splitlines()
    place = next(number for number, line in enumerate(lines) if line.strip() == _LAST)
    margin = lines[place][: -len(_LAST)]
    lines[place + 1 : place + 1] = [f"{margin}{each}" for each in more]
    inventory.write_text("\n".join(lines) + "\n", "utf-8")
