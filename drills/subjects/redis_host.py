"""What must be true of a Redis host on any good day: asserted before the strike and after the recovery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drills.rig.verdict import Claim


def claims(
    host: Any, *, unit: str = "redis-server", port: int = 6379, data_dir: str = "/var/lib/redis"
) -> Iterator[Claim]:
    """Look at a host through testinfra's `host` and yield one claim each, held or broken."""
    service = host.service(unit)
    yield _claim(
        "service running",
        service.is_running,
        f"the unit {unit} is running",
        f"the unit {unit} is not running",
    )
    yield _claim(
        "service enabled",
        service.is_enabled,
        f"the unit {unit} starts at boot",
        f"the unit {unit} does not start at boot",
    )
    listening = host.socket(f"tcp://0.0.0.0:{port}").is_listening
    yield _claim(
        "socket listening", listening, f"port {port} is listened on", f"nobody listens on port {port}"
    )
    # What lies in the agent's copy of the damaged files is as closed as its folder.
    kept = f"{data_dir}/drillyard-kept-*/*"
    listed = "find %s -path %s -prune -o -printf '%%u:%%g %%m %%y %%p\\n'"
    found = host.run(listed, data_dir, kept).stdout.splitlines()
    wrong = [line for line in found if not _right(line)]
    yield _claim(
        "files owned",
        bool(found) and not wrong,
        f"everything in {data_dir} belongs to redis and is closed to others",
        f"in {data_dir} there is {wrong[0] if wrong else 'nothing'}",
    )
    manifest = host.file(f"{data_dir}/appendonlydir/appendonly.aof.manifest")
    yield _claim(
        "manifest there",
        manifest.is_file and manifest.size > 0,
        "the manifest is there",
        "there is no manifest",
    )


def _right(line: str) -> bool:
    owner, mode, _kind, path = line.split(" ", 3)
    # That copy's folder is root's, and lies here until a person removes it.
    return (owner == "redis:redis" or "/drillyard-kept-" in path) and int(mode, 8) & 0o007 == 0


def _claim(name: str, held: bool, good: str, bad: str) -> Claim:
    sentence = good if held else bad
    return Claim(name, "held" if held else "broken", sentence[0].upper() + sentence[1:] + ".")
