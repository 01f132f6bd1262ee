"""Copy the append-only file of a running Redis, whole up to a mark, while rewrites are held off.

python3 -I - '{"cli": ["redis-cli"], "data_dir": ..., "mark": "20261125030000/a1", "into": "/backup/x", ...}'

A plain copy is torn where a rewrite ends in the middle of it (measured: 2 of 40). So automatic rewrites are
switched off for a moment, every file the manifest names gets a second name, the rewrites are switched on
again, and the copy is made in peace: a log only grows, and it is cut right behind the mark.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.payload.chain import Chain, read_chain
from agent.payload.logs import mark_command, opened
from agent.payload.scratch import end_with_grace

_OPTION = "auto-aof-rewrite-percentage"


class NotCopied(Exception):
    """No copy came about; the sentence says why."""


@dataclass(frozen=True)
class Taken:
    """What got a second name: the chain, and how many bytes of its last log belong to the copy."""

    chain: Chain
    manifest: bytes
    end: int


def copy(spec: dict[str, Any]) -> dict[str, Any]:
    """Copy the log to `spec["into"]` as a tar and return what it holds.

    `spec`: cli (redis-cli's command line), data_dir, aof_dir, aof_name, user, mark, into, work (a folder on
    the data's own file system), within (seconds for a rewrite under way to end).

    Raises:
        NotCopied: the log is off or damaged, or did not hold still.
    """
    work = Path(spec["work"])
    _forget(spec, work)
    work.mkdir(0o700)
    begun = time.monotonic()
    try:
        with _held_off(spec, work):
            taken = _take(spec, work)
        held = time.monotonic() - begun
        size = _pack(spec, work, taken)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    names = [part.name for part in (taken.chain.base, *taken.chain.logs) if part]
    return {"files": names, "bytes": size, "end": taken.end, "held_seconds": round(held, 3)}


def _take(spec: dict[str, Any], work: Path) -> Taken:
    """Give every file of the log a second name, the newest whole up to the mark."""
    _await_idle(spec)
    both = mark_command(spec["mark"]) + mark_command(f"{spec['mark']}+")
    said = _cli(spec, "--pipe", stdin=both)
    if "errors: 0, replies: 2" not in said:
        raise NotCopied(f"the server did not take the mark: {said.splitlines()[-1] if said else 'no word'}")
    folder = Path(spec["data_dir"], spec["aof_dir"])
    manifest = folder / f"{spec['aof_name']}.manifest"
    end = time.monotonic() + 30
    # With `everysec` what is acknowledged may reach the file two seconds later.
    while time.monotonic() < end:
        text = manifest.read_bytes()
        chain = read_chain(spec["data_dir"], spec["aof_dir"], spec["aof_name"], spec["user"])
        if chain.manifest != "sound" or chain.missing or not chain.logs:
            raise NotCopied(f"the log is not sound: {chain.manifest}, missing: {chain.missing or 'nothing'}")
        with opened(chain.logs[-1].path) as buf:
            at = buf.rfind(both)
        if at >= 0:
            for part in (chain.base, *chain.logs):
                if part:
                    os.link(part.path, work / part.name)
            if manifest.read_bytes() != text:
                raise NotCopied("somebody else had the log rewritten meanwhile")
            return Taken(chain, text, at + len(mark_command(spec["mark"])))
        # A pause between two looks at the awaited mark.
        time.sleep(0.02)
    raise NotCopied("the mark did not come to stand in the log within 30 seconds")


def _pack(spec: dict[str, Any], work: Path, taken: Taken) -> int:
    """Write the tar, durable, and return its size; by hand, `tar -xf` in the data folder unpacks it."""
    into = Path(spec["into"])
    with into.open("wb") as out:
        os.fchmod(out.fileno(), 0o640)
        with tarfile.open(fileobj=out, mode="w") as tar:
            for part in (taken.chain.base, *taken.chain.logs):
                if part is None:
                    continue
                with (work / part.name).open("rb") as file:
                    whole = os.fstat(file.fileno()).st_size
                    last = part is taken.chain.logs[-1]
                    _add(tar, f"{spec['aof_dir']}/{part.name}", taken.end if last else whole, file)
            name = f"{spec['aof_dir']}/{spec['aof_name']}.manifest"
            _add(tar, name, len(taken.manifest), io.BytesIO(taken.manifest))
        out.flush()
        os.fsync(out.fileno())
    return into.stat().st_size


def _add(tar: tarfile.TarFile, name: str, size: int, file: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o640, int(time.time())
    tar.addfile(info, file)


@contextmanager
def _held_off(spec: dict[str, Any], work: Path) -> Iterator[None]:
    """Switch automatic rewrites off for a `with`; the setting of before is on disk until it is back."""
    before = _setting(spec)
    (work / "setting").write_text(before, "utf-8")
    _set(spec, "0")
    try:
        yield
    finally:
        _set(spec, before)


def _forget(spec: dict[str, Any], work: Path) -> None:
    """Clear away what a copy left behind that was killed: above all, switch the rewrites on again."""
    kept = work / "setting"
    if kept.is_file():
        _set(spec, kept.read_text("utf-8").strip() or "100")
    shutil.rmtree(work, ignore_errors=True)


def _await_idle(spec: dict[str, Any]) -> None:
    end = time.monotonic() + float(spec.get("within", 600))
    while time.monotonic() < end:
        lines = (line.strip().split(":", 1) for line in _cli(spec, "INFO", "persistence").splitlines())
        state = {line[0]: line[1] for line in lines if len(line) == 2}
        if state.get("aof_enabled") != "1":
            raise NotCopied("the append-only file is switched off")
        if state.get("aof_rewrite_in_progress") == "0" and state.get("aof_rewrite_scheduled") == "0":
            return
        # A pause between two looks at the awaited state.
        time.sleep(0.05)
    raise NotCopied("a rewrite of the log did not end in its time")


def _setting(spec: dict[str, Any]) -> str:
    words = _cli(spec, "CONFIG", "GET", _OPTION).split()
    if len(words) != 2 or not words[1].isdigit():
        raise NotCopied(f"the server does not tell {_OPTION}: {' '.join(words)[:200]}")
    return words[1]


def _set(spec: dict[str, Any], value: str) -> None:
    said = _cli(spec, "CONFIG", "SET", _OPTION, value).strip()
    if said != "OK":
        raise NotCopied(f"{_OPTION} could not be set to {value}: {said[:200]}")


def _cli(spec: dict[str, Any], *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        [*spec["cli"], *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.stdout.decode("utf-8", "replace")


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    spec = json.loads(argv[0])
    end_with_grace(float(spec.get("timeout", 1500)))
    try:
        found = copy(spec)
    except (OSError, NotCopied) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(found, sys.stdout)
    return 0
