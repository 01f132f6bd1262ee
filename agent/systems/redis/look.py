"""What is wrong with a Redis server and its log, and which remedy loses least."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agent.systems.redis.server import Redis, Reply, ask, info, payload, read
from agent.transport.ask import Action, Done, Until

_SAMPLE = 200
_FEW = 0.1
"""This share of a sample of keys may be missing: they may have been deleted while we looked."""


@dataclass(frozen=True)
class Copy:
    """A backup as a page hands it over: where it lies, its kind, the mark it carries, what it holds.

    `usual` are Redis's own figures when it was taken: miss_rate, ops_per_second.
    """

    id: str
    path: str
    mark: str = ""
    sha256: str = ""
    taken_at: str = ""
    kind: str = "full"
    contents: dict[str, int] = field(default_factory=dict)
    usual: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What an inspection found.

    `remedy` is none, owner (only owner or mode are wrong), cut (the end is torn, nothing follows), rebuild,
    or rescue (the server is whole, its files are not). `keys` is what the server holds, -1 where it cannot
    say; `keys_in_log` what its log leads to, about. The `cut_` figures are what a cut at the first damage
    would lose; `cut_seconds` is 0 where the log carries no times. `gone`: no file of the log is left.
    """

    remedy: str
    reasons: tuple[str, ...]
    alive: bool
    keys: int = -1
    keys_in_log: int = 0
    log_bytes: int = 0
    damage: tuple[str, ...] = ()
    wrong_owner: tuple[str, ...] = ()
    cut_file: str = ""
    cut_at: int = 0
    cut_commands: int = 0
    cut_keys: int = 0
    cut_seconds: int = 0
    started_empty: bool = False
    copy: str = ""
    gone: bool = False


@dataclass(frozen=True)
class Alive:
    """What a running server says: `missing` of `asked` sample keys it lacks, and the mark it holds."""

    keys: int
    missing: int = 0
    asked: int = 0
    mark: str = ""
    aof: bool = True


@dataclass(frozen=True)
class Findings:
    """The payload's report (`aof.inspect`), what the server says (None: it is down), and the copy."""

    files: dict[str, Any]
    alive: Alive | None = None
    copy: Copy | None = None
    damage: tuple[str, ...] = field(default=())


def inspect(redis: Redis, copy: Copy | None = None) -> Action[Look]:
    """Read the whole log and ask the server, changing nothing, and name the remedy that loses least.

    Raises:
        ServiceRefused: the server does not accept our password.
    """
    reply = yield from settled(redis)
    spec: dict[str, Any] = {"do": "inspect", "sample": _SAMPLE}
    if copy:
        spec["copy"] = copy.path
    files = yield from payload(redis, "aof", spec, timeout=600)
    alive = None
    if reply.state != "down":
        alive = yield from _ask_the_living(redis, files["sample"])
    return judge(Findings(files, alive, copy, tuple(_damage(files))))


def settled(redis: Redis) -> Action[Reply]:
    """Return the answer to PING once the server is no longer busy loading."""
    reply = yield from ask(redis, "PING")
    if reply.state != "loading":
        return reply
    done: Done = yield Until(
        redis.cli("PING"),
        lambda done: read(redis, done).state != "loading",
        f"Redis on {redis.host} has loaded its data",
        within=600,
    )
    return read(redis, done)


def _ask_the_living(redis: Redis, sample: list[str]) -> Action[Alive]:
    space = yield from info(redis, "keyspace")
    state = yield from info(redis, "persistence")
    mark = yield from ask(redis, "GET", "drillyard:mark")
    keys = sum(int(what.split(",")[0].split("=")[1]) for what in space.values())
    lines = "".join(f'EXISTS "{_escaped(key)}"\n' for key in sample)
    found: list[str] = []
    if lines:
        done: Done = yield redis.cli(lines=lines)
        found = [line for line in done.text.splitlines() if line in ("0", "1")]
    return Alive(
        keys=keys,
        missing=found.count("0"),
        asked=len(found),
        mark=mark.text,
        aof=state.get("aof_enabled") == "1",
    )


def _escaped(key: str) -> str:
    return "".join(f"\\x{key[at : at + 2]}" for at in range(0, len(key), 2))


def _damage(files: dict[str, Any]) -> list[str]:
    found = []
    base = files["base"]
    if files["manifest"] != "sound":
        found.append(f"manifest: {files['manifest']}")
    if base["state"] == "damaged":
        found.append(f"{base['name']}: {base['detail']}")
    found += [f"{name}: missing" for name in files["missing"]]
    if files["order"]:
        found.append("the manifest has forgotten files that hold data")
    for file in files["files"]:
        if file["gap_count"]:
            places = "place" if file["gap_count"] == 1 else "places"
            found.append(
                f"{file['name']}: {file['gap_count']} damaged {places}, {file['gap_bytes']} bytes, "
                f"the first at {file['good_bytes']}"
            )
        elif file["tail"] != "whole":
            found.append(f"{file['name']}: ends inside of a transaction at {file['good_bytes']}")
    return found


def judge(found: Findings) -> Look:
    """Name the remedy for what was found, with its reasons; decides purely."""
    remedy, reasons, empty = _remedy(found)
    if found.files["orphans"]:
        names = ", ".join(found.files["orphans"])
        reasons.append(f"the manifest does not name {names}: left as they are, they may hold older data")
    files, cut = found.files, found.files["cut"]
    return Look(
        remedy=remedy,
        reasons=tuple(reasons),
        alive=found.alive is not None,
        keys=found.alive.keys if found.alive else -1,
        keys_in_log=files["keys"],
        log_bytes=files["bytes"],
        damage=found.damage,
        wrong_owner=tuple(files["foreign"]),
        cut_file=cut["file"],
        cut_at=cut["at"],
        cut_commands=cut["commands"],
        cut_keys=cut["keys"],
        cut_seconds=cut["seconds"],
        started_empty=empty,
        copy=found.copy.id if found.copy else "",
        gone=nothing_left(files),
    )


def nothing_left(files: dict[str, Any]) -> bool:
    """Return whether there is no manifest, no base and no log: whatever there was is gone."""
    return bool(files["manifest"] == "missing" and files["base"]["state"] == "missing" and not files["files"])


def _remedy(found: Findings) -> tuple[str, list[str], bool]:
    alive = found.alive
    if alive is None:
        return *_for_the_dead(found), False
    if not alive.aof:
        return "none", ["Redis answers, and its append-only file is switched off"], False
    lacks = alive.missing > _FEW * alive.asked
    if lacks or (found.files["order"] and not alive.asked):
        why = f"Redis answers with {alive.keys} keys while its log leads to about {found.files['keys']}"
        why += f": {alive.missing} of {alive.asked} keys looked for are missing, so it did not load that log"
        return "rebuild", [why], True
    if _lost_the_copy(found) and found.copy and alive.mark < found.copy.mark:
        why = f"neither Redis nor its log knows of the copy {found.copy.id}, which is newer than its base"
        return "rebuild", [why], False
    if found.damage and not _being_written(found):
        return (
            "rescue",
            ["Redis holds all its data and its files are damaged: it must not be restarted"],
            False,
        )
    why = "Redis answers, and its files are sound"
    return "none", [why + ("; their owner or mode is wrong" if found.files["foreign"] else "")], False


def _for_the_dead(found: Findings) -> tuple[str, list[str]]:
    files = found.files
    if _lost_the_copy(found) and found.copy:
        why = f"the log has lost the mark of the copy {found.copy.id}, which is newer than its base"
        return "rebuild", [*found.damage, why]
    if not found.damage:
        if files["foreign"]:
            return "owner", ["the files are sound and belong to the wrong user or cannot be written"]
        return "none", ["Redis is down, and its files are sound"]
    if _only_torn(found):
        torn = files["files"][-1]
        return "cut", [
            f"the last {torn['bytes'] - torn['good_bytes']} bytes of {torn['name']} are no whole command"
        ]
    lost = files["cut"]
    if lost["commands"]:
        why = f"a cut at the first damage would lose {lost['commands']} commands on about {lost['keys']} keys"
        return "rebuild", [*found.damage, why]
    return "rebuild", list(found.damage)


def _only_torn(found: Findings) -> bool:
    """Return whether nothing is wrong but the end of the last file, with nothing readable behind it."""
    files = found.files["files"]
    sound = found.files["manifest"] == "sound" and found.files["base"]["state"] == "sound"
    if not files or not sound or found.files["missing"] or found.files["order"]:
        return False
    whole = all(file["tail"] == "whole" and not file["gap_count"] for file in files[:-1])
    last = files[-1]
    return bool(
        whole and last["tail"] != "whole" and last["gap_count"] <= 1 and not found.files["cut"]["commands"]
    )


def _being_written(found: Findings) -> bool:
    """Return whether the end is torn as it is when a command is just being written."""
    return _only_torn(found) and found.files["files"][-1]["tail"] == "incomplete"


def _lost_the_copy(found: Findings) -> bool:
    """Return whether the log should hold the copy's mark and does not."""
    copy = found.files.get("copy")
    if not found.copy or not found.copy.mark or not copy:
        return False
    base = found.files["base"]
    # Both times are whole seconds: where they are the same, a base that came later holds the copy's mark.
    newer = copy["made"] > base["made"] or (copy["made"] == base["made"] and base["mark"] < found.copy.mark)
    return bool(base["made"] and newer and found.copy.mark not in found.files["marks"])
