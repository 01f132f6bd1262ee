"""Rebuild a damaged append-only file in a folder beside it, with a throwaway server, and report on it.

    python3 -I - '{"data_dir": "/var/lib/redis", "work": "/var/lib/redis/rebuild", "copy": {...}, ...}'

The data directory is only read. At the end `work`/`aof_dir` is a complete fresh log (base, log, manifest)
that can take the damaged one's place, and `work`/report.json says everything that the answer says in short.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.payload.aof import whole_chain
from agent.payload.chain import Chain, read_chain
from agent.payload.commands import KNOWN, Verb
from agent.payload.foundation import Facts, Foundation, ways
from agent.payload.laid import lay, unpack
from agent.payload.logs import Logs, as_data, dropped, named_in, read_logs, write_kept
from agent.payload.mend import DbKey, Mended, mend
from agent.payload.programs import Programs
from agent.payload.rdb import Rdb, check
from agent.payload.scratch import Client, LoadFailed, Server, end_with_grace, folder_for, own
from agent.payload.survey import Tally, readable, total

_SHOWN = 100
_NAMED = 100_000


@dataclass
class Job:
    """What is to be done (`spec`, see `rebuild`) and what was read of the damaged files."""

    spec: dict[str, Any]
    chain: Chain
    base: Rdb
    logs: Logs
    known: dict[bytes, Verb]

    @property
    def programs(self) -> Programs:
        """Where Redis's own programs come from."""
        return Programs.of(self.spec)

    @property
    def new(self) -> Path:
        """The folder of the throwaway server."""
        return self.work / "new"

    @property
    def work(self) -> Path:
        """The folder everything is made in."""
        return Path(self.spec["work"])

    @property
    def copy(self) -> dict[str, Any]:
        """The backup to stand on: path, mark; empty where there is none."""
        return self.spec.get("copy") or {}


def rebuild(spec: dict[str, Any]) -> dict[str, Any]:
    """Rebuild the log and return the report.

    `spec`: data_dir, aof_dir, aof_name, user, work; copy (None, or path, kind, mark, sha256); started_empty;
    lost (the files were gone: the copy is put below what was written since); timeout.

    Raises:
        LoadFailed: no way led to files that a server accepts.
    """
    begun = time.monotonic()
    work = Path(spec["work"])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(0o700)
    own(work, spec["user"])
    known = _commands_of_the_server(spec)
    chain, base = whole_chain(spec)
    job = Job(spec, chain, base, read_logs(chain.logs, known), known)
    refusals: list[str] = []
    for way in ways(_facts(job)):
        try:
            report = _go(job, way)
        except (LoadFailed, ConnectionError) as error:
            refusals.append(f"{way.on}: {error}")
            continue
        report["refused"] = refusals
        report["seconds"] = round(time.monotonic() - begun, 3)
        return _finish(job, report)
    raise LoadFailed("; ".join(refusals) or "there is no copy that could be stood on")


def _facts(job: Job) -> Facts:
    copy = _copy_of(job)
    usable = bool(copy and copy.state == "sound" and _same(job.copy))
    return Facts(
        base=job.base.state,
        base_made=job.base.made if 0 < job.base.made < time.time() + 86400 else 0,
        base_mark=job.base.mark,
        copy=usable,
        copy_made=copy.made if copy else 0,
        copy_mark=job.copy.get("mark", ""),
        place=job.logs.mark(job.copy["mark"]) if usable and job.copy.get("mark") else None,
        holes=tuple((number, first, last) for number, (first, last) in dropped(job.logs)),
        started_empty=bool(job.spec.get("started_empty")),
        lost=bool(job.spec.get("lost")),
        base_keys=job.base.keys,
    )


def _copy_of(job: Job) -> Rdb | None:
    """Return how the copy is; what it holds is told by a server as soon as one is to stand on it."""
    if not job.copy:
        return None
    path = Path(job.copy["path"])
    if job.copy.get("kind") == "aof":
        return Rdb("sound" if path.is_file() else "missing")
    return check(path, job.programs)


def _same(copy: dict[str, Any]) -> bool:
    if not copy.get("sha256"):
        return True
    found = hashlib.sha256()
    with Path(copy["path"]).open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return bool(found.hexdigest() == copy["sha256"])


def _commands_of_the_server(spec: dict[str, Any]) -> dict[bytes, Verb]:
    """Ask a server without data which commands it has: one it lacks would stop it while it loads."""
    ask = folder_for(Path(spec["work"], "ask"), spec["user"])
    programs = Programs.of(spec)
    with ask as folder, Server(folder, spec["user"], timeout=60, programs=programs) as server:
        listed = server.client.ask("COMMAND")
    found = {entry[0]: Verb(*(int(entry[at]) for at in (1, 3, 4, 5))) for entry in listed}
    writing = {entry[0] for entry in listed if b"write" in entry[2]}
    return {name: verb for name, verb in found.items() if name in KNOWN or name in writing}


def _go(job: Job, way: Foundation) -> dict[str, Any]:
    _lay_out(job, way)
    spec = job.spec
    names = ("--appendonly", "yes", "--appenddirname", spec["aof_dir"], "--appendfilename", spec["aof_name"])
    timeout = spec.get("timeout", 600)
    with Server(job.new, spec["user"], *names, timeout=timeout, programs=job.programs) as server:
        mended = _mend(job, way, server.client)
        named = _named(job, way, server.client)
        # Before the keys: some of these may be gone by then, and too few that stay is better than too many.
        expiring = server.client.expiring()
        counts = server.client.counts()
        _rewrite(server.client, job.new / spec["aof_dir"], job)
    return {
        **_report(job, way),
        **_as_text(mended),
        **named,
        "keys": sum(counts.values()),
        "expiring": min(expiring, sum(counts.values())),
        "databases": counts,
    }


def _lay_out(job: Job, way: Foundation) -> None:
    spec = job.spec
    shutil.rmtree(job.new, ignore_errors=True)
    folder = job.new / spec["aof_dir"]
    folder.mkdir(0o700, parents=True)
    lines = _ground(job, way, folder)
    number = len(lines)
    log = f"{spec['aof_name']}.{number + 1}.incr.aof"
    with (folder / log).open("wb") as out:
        write_kept(job.logs, out, way.start)
    lines.append(f"file {log} seq {number + 1} type i\n")
    (folder / f"{spec['aof_name']}.manifest").write_text("".join(lines), "utf-8")
    own(job.new, spec["user"])


def _ground(job: Job, way: Foundation, folder: Path) -> list[str]:
    """Put what the log is replayed upon into `folder`, and return its lines of the manifest."""
    name = job.spec["aof_name"]
    base = f"{name}.1.base.rdb"
    if way.on in ("base", "unchecked base") and job.chain.base is not None:
        _place(job.chain.base.path, folder / base)
        if way.on == "unchecked base":
            _without_checksum(folder / base)
        return [f"file {base} seq 1 type b\n"]
    if way.on not in ("copy", "older copy"):
        return []
    if job.copy.get("kind") != "aof":
        _place(Path(job.copy["path"]), folder / base)
        return [f"file {base} seq 1 type b\n"]
    return _ground_of_log(job, folder)


def _ground_of_log(job: Job, folder: Path) -> list[str]:
    """Do the same with a copy that is an append-only file: its base, and its logs before ours."""
    name, lines = job.spec["aof_name"], []
    try:
        parts = unpack(Path(job.copy["path"]), job.work / "unpacked")
    except ValueError as error:
        raise LoadFailed(f"the copy is not what it should be: {error}") from None
    if parts.base is not None:
        end = "rdb" if parts.base.suffix == ".rdb" else "aof"
        parts.base.rename(folder / f"{name}.1.base.{end}")
        lines.append(f"file {name}.1.base.{end} seq 1 type b\n")
    for number, path in enumerate(parts.logs, 1):
        path.rename(folder / f"{name}.{number}.incr.aof")
        lines.append(f"file {name}.{number}.incr.aof seq {number} type i\n")
    return lines


def _place(source: Path, to: Path) -> None:
    subprocess.run(["cp", "--reflink=auto", str(source), str(to)], check=True)


def _without_checksum(path: Path) -> None:
    """Zero the checksum at the end of an RDB: that is how it says that it has none."""
    with path.open("r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(bytes(8))


def _mend(job: Job, way: Foundation, client: Client) -> Mended:
    if not way.fill and not way.mend:
        return Mended()
    folder = job.work / "copy"
    with folder_for(folder, job.spec["user"]):
        options = lay(Path(job.copy["path"]), job.copy.get("kind", "full"), folder)
        own(folder, job.spec["user"])
        timeout = job.spec.get("timeout", 600)
        with Server(folder, job.spec["user"], *options, timeout=timeout, programs=job.programs) as server:
            return mend(client, server.client, lambda wanted: _touched(job, wanted), way.mend)


def _touched(job: Job, wanted: frozenset[DbKey]) -> set[DbKey]:
    return read_logs(job.chain.logs, job.known, Tally(known=job.known, wanted=wanted)).tally.touched


def _named(job: Job, way: Foundation, client: Client) -> dict[str, Any]:
    """Return the keys that are named in dropped bytes: those nobody has, and those that may be outdated."""
    lost: list[str] = []
    outdated: list[str] = []
    client.ask("SELECT", 0)
    for number, hole in dropped(job.logs, way.start):
        keys = named_in(job.logs.files[number].part.path, [hole], job.known, _NAMED)
        there = client.ask_all([("EXISTS", key) for key in keys])
        for place, key in enumerate(keys):
            (outdated if there[place] else lost).append(readable(key))
    return {"lost": sorted(set(lost)), "outdated": sorted(set(outdated))}


def _rewrite(client: Client, folder: Path, job: Job) -> None:
    """Have everything written anew and wait until the manifest names nothing else."""
    client.ask("BGREWRITEAOF")
    end = time.monotonic() + job.spec.get("timeout", 600)
    while time.monotonic() < end:
        state = client.info("persistence")
        busy = state["aof_rewrite_in_progress"] != "0" or state["aof_rewrite_scheduled"] != "0"
        if not busy and state["aof_last_bgrewrite_status"] != "ok":
            raise LoadFailed("the throwaway server could not write its log anew (is the disk full?)")
        named = (folder / f"{job.spec['aof_name']}.manifest").read_text("utf-8")
        if not busy and " type h" not in named:
            client.ask("CONFIG", "SET", "appendfsync", "always")
            return
        # A pause between two looks at the awaited state.
        time.sleep(0.01)
    raise LoadFailed("the throwaway server did not finish writing its log anew")


def _report(job: Job, way: Foundation) -> dict[str, Any]:
    holes = dropped(job.logs, way.start)
    tally = job.logs.tally
    return {
        "foundation": way.on,
        "why": way.why,
        "order": job.chain.reasons,
        "base": job.base.state,
        "base_keys": job.base.keys,
        "replayed_from": list(way.start),
        "commands": tally.commands,
        "dropped": [[job.logs.files[number].part.name, *hole] for number, hole in holes],
        "dropped_bytes": total(hole for _, hole in holes),
        "denied": [words for read in job.logs.files for _, words in read.kept.denied],
        "relative_behind_damage": tally.relative,
        "relative_keys": tally.relative_keys,
        "in_unsure_database": tally.in_unsure_db if len(tally.dbs) > 1 else 0,
        "files": [as_data(read) for read in job.logs.files],
    }


def _as_text(mended: Mended) -> dict[str, Any]:
    def texts(found: list[DbKey]) -> list[str]:
        return [readable(key) if db == b"0" else f"{db.decode()}:{readable(key)}" for db, key in found]

    return {
        "filled": texts(mended.filled),
        "mended": texts(mended.mended),
        "removed": texts(mended.removed),
        "doubtful": texts(mended.doubtful),
    }


def _finish(job: Job, report: dict[str, Any]) -> dict[str, Any]:
    """Prove the new files, make them durable, and shorten the report to what fits a screen."""
    spec, folder = job.spec, job.new / job.spec["aof_dir"]
    fresh = read_chain(str(job.new), spec["aof_dir"], spec["aof_name"], spec["user"])
    base = check(fresh.base.path, job.programs) if fresh.base else Rdb("missing")
    if fresh.manifest != "sound" or fresh.missing or base.state != "sound":
        raise LoadFailed(f"the new files are not sound: manifest {fresh.manifest}, base {base.state}")
    folder.rename(job.work / spec["aof_dir"])
    shutil.rmtree(job.new)
    (job.work / "report.json").write_text(json.dumps(report, indent=1), "utf-8")
    _sync(job.work)
    own(job.work, spec["user"])
    for name in ("lost", "outdated", "filled", "mended", "removed", "doubtful", "denied", "dropped"):
        report[f"{name}_count"] = len(report[name])
        report[name] = report[name][:_SHOWN]
    return report


def _sync(top: Path) -> None:
    for each in [*top.rglob("*"), top]:
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    spec = json.loads(argv[0])
    end_with_grace(spec.get("timeout", 600))
    try:
        report = rebuild(spec)
    except (OSError, LoadFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(report, sys.stdout)
    return 0
