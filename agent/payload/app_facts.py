"""Look at an application from its own host: health, port, processes, dependencies, disks, releases.

python3 -I - '{"health": "https://127.0.0.1:8000/health", "pid": 131, "needs": {"redis": "redis1:6379"}, ...}'
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.payload.visit import certificate, trouble, visit

_LISTEN = "0A"


def facts(spec: dict[str, Any]) -> dict[str, Any]:
    """Return everything that tells why an application does not serve; nothing is changed.

    `spec` has `health` (a URL), `authority`, `seconds`, `pid` (its main process, 0 = none), `needs` (name to
    host:port), `disks` (paths), `certificate` (a file), `releases` (a folder) and `current` (a link into it).
    """
    url, seconds = spec["health"], float(spec.get("seconds", 5))
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    processes = _family(int(spec.get("pid") or 0))
    # What does not answer costs its time; side by side it costs it once.
    with ThreadPoolExecutor(16) as pool:
        health = pool.submit(visit, url, spec)
        shown = pool.submit(certificate, url, seconds) if parts.scheme == "https" else None
        needs = {name: pool.submit(reach, where, seconds) for name, where in spec.get("needs", {}).items()}
    return {
        "health": health.result(),
        "shown": shown.result() if shown else "",
        "kept": _pem(spec.get("certificate", "")),
        "listener": listener(port),
        "processes": processes,
        "needs": {name: reached.result() for name, reached in needs.items()},
        "disks": {path: _room(path) for path in spec.get("disks", ()) if Path(path).exists()},
        "now": time.time(),
        **_releases(spec.get("releases", ""), spec.get("current", "")),
    }


def reach(where: str, seconds: float) -> dict[str, Any]:
    """Return how long a connection to host:port took, or what kept it from being made."""
    host, _, port = where.rpartition(":")
    began = time.monotonic()
    found = {"trouble": "", "detail": ""}
    try:
        socket.create_connection((host.strip("[]"), int(port)), seconds).close()
    except OSError as error:
        found["trouble"], found["detail"] = trouble(error)
    return {**found, "seconds": round(time.monotonic() - began, 3)}


def listener(port: int) -> dict[str, Any]:
    """Return the process that listens on a port: pids, name, arguments, when it began; {} where none does.

    Where we may not look into other users' processes `pids` is empty.
    """
    inodes = _listening(port)
    if not inodes:
        return {}
    pids = sorted(pid for pid in _pids() if _holds(pid, inodes))
    return {"pids": pids, **(_about(pids[0]) if pids else {})}


def _listening(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _holds(pid: int, inodes: set[str]) -> bool:
    try:
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
    return any(_points_at(entry) in inodes for entry in entries)


def _points_at(entry: Path) -> str:
    # A busy process closes files while it is looked at: one that is gone says nothing about the others.
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """Return the fields of a process's stat after its name: state, parent, ...; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _about(pid: int) -> dict[str, Any]:
    stat = _stat(pid)

    def text(name: str) -> str:
        try:
            return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""

    return {
        "pid": pid,
        "name": text("comm").strip(),
        "args": text("cmdline").strip()[:200],
        "began": stat[19] if len(stat) > 19 else "",
        "group": text("cgroup").strip().rpartition("/")[2][:100],
    }


def _family(pid: int) -> list[dict[str, Any]]:
    """Return a process and all that descend from it, with their states."""
    if not pid:
        return []
    stats = {each: _stat(each) for each in _pids()}
    children: dict[int, list[int]] = {}
    for each, stat in stats.items():
        if stat:
            children.setdefault(int(stat[1]), []).append(each)
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        if stats.get(each):
            found.append({"pid": each, "state": stats[each][0]})
            waiting += children.get(each, [])
    return found


def _room(path: str) -> dict[str, int]:
    facts = os.statvfs(path)
    return {
        "free": facts.f_bavail * facts.f_frsize,
        "size": facts.f_blocks * facts.f_frsize,
        "files": facts.f_favail if facts.f_files else -1,
    }


def _pem(path: str) -> str:
    """Return the first certificate of a file as base64 of its DER; "" where there is none to read."""
    try:
        text = Path(path).read_text() if path else ""
        end = "-----END CERTIFICATE-----"
        begin = text.index("-----BEGIN CERTIFICATE-----")
        first = text[begin : text.index(end, begin) + len(end)]
        return base64.b64encode(ssl.PEM_cert_to_DER_cert(first)).decode()
    except (OSError, ValueError):
        return ""


def _releases(folder: str, current: str) -> dict[str, Any]:
    """Return the releases in a folder, the newest last, which of them is current and since when."""
    if not folder or not Path(folder).is_dir():
        return {}
    listed = [
        {"name": entry.name, "bad": (entry / ".drillyard-bad").exists()}
        for entry in Path(folder).iterdir()
        if entry.is_dir() and not entry.is_symlink()
    ]
    found: dict[str, Any] = {"releases": sorted(listed, key=lambda each: _natural(str(each["name"])))}
    link = Path(current)
    if link.is_symlink():
        found["current"] = link.resolve().name
        found["switched"] = link.lstat().st_mtime
    return found


def _natural(name: str) -> list[Any]:
    """Order 9 before 10, and 2026-01-02 after 2026-01-01."""
    words, word = [], ""
    for letter in name + " ":
        if word and letter.isdigit() != word[-1].isdigit():
            words.append((0, int(word), "") if word.isdigit() else (1, 0, word))
            word = ""
        word += letter
    return words


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says and print what was found as JSON."""
    json.dump(facts(json.loads(argv[0])), sys.stdout)
    return 0
