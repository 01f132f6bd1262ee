"""Every change a repair of Redis files makes: a safety copy first, then one of the remedies."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agent.errors import NoRoom, StepFailed
from agent.systems.redis.look import Copy
from agent.systems.redis.server import Redis, info, payload, read, tell
from agent.transport.ask import Action, Clock, Done, Note, Sh, Until

RESERVE = 64 << 20

_SIZES = """\
# sizes of log, dump and backup, and the free room
set -eu
for place in "$1/$2" "$1/$3" "$4"; do
  if [ -n "$place" ] && [ -e "$place" ]; then du -sbD "$place" | cut -f1; else echo 0; fi
done
df -B1 --output=avail "$1" | tail -n 1
"""

# The copy gets its name only when it is whole; a file that grew meanwhile must begin with its copy. Of a
# folder that is a link to another disk it is the files that are copied, not the link.
_KEEP = """\
# copy the files beside and compare them
set -eu
from=$1 to=$2; shift 2
if [ ! -d "$to" ]; then
  rm -rf "$to.partial"; mkdir -m 700 "$to.partial"
  for name in "$@"; do
    if [ -e "$from/$name" ]; then cp -aH --reflink=auto "$from/$name" "$to.partial/"; fi
  done
  sync -f "$to.partial"
  mv "$to.partial" "$to"
fi
cd "$to"
find . -type f | while read -r file; do
  cmp -n "$(stat -c %s "$file")" "$file" "$from/$file" >&2
done
du -sb . | cut -f1
find . -type f | wc -l
"""

_OWNER = """\
# give the files back to their user
set -eu
chown -c "$2" "$1"
chmod -c u+rwx "$1"
if [ -e "$1/$3" ]; then chown -cRH "$2" "$1/$3"; chmod -cR u+rwX "$1/$3"; fi
if [ -e "$1/$4" ]; then chown -c "$2" "$1/$4"; fi
"""

_PLACE = """\
# make the data directory where it is gone
set -eu
[ -d "$1" ] || { mkdir -p "$1"; chmod 750 "$1"; }
chown "$2" "$1"
"""

# Each line may have been done by a run that was killed: a second one goes on where that one stopped.
_PROMOTE = """\
# put the rebuilt log in its place
set -eu
data=$1 name=$2 work=$3 kept=$4 owner=$5
if [ -d "$work/$name" ]; then
  [ -f "$work/$name/$6" ]
  mkdir -p "$kept"
  [ ! -L "$data/$name" ] || readlink -f "$data/$name"
  if [ -d "$data/$name" ]; then mv "$data/$name" "$kept/replaced-$(date -u +%H%M%S.%N)"; fi
  mv "$work/$name" "$data/$name"
fi
[ -f "$data/$name/$6" ]
chown -R "$owner" "$data/$name"
chmod 750 "$data/$name"
find "$data/$name" -type f -exec chmod 640 {} +
if [ -f "$work/report.json" ]; then mv "$work/report.json" "$kept/report.json"; fi
rm -rf "$work"
sync -f "$data"
"""


@dataclass(frozen=True)
class Room:
    """Bytes free on the data directory's file system, and bytes a repair may need there."""

    free: int
    needed: int


@dataclass(frozen=True)
class Kept:
    """The safety copy: its folder, bytes and number of files, all compared with the originals."""

    path: str
    bytes: int
    files: int


@dataclass(frozen=True)
class Cut:
    """What a cut took off: the file, where, and how many bytes."""

    file: str
    at: int
    bytes: int


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild found and made; lists hold at most a hundred names, `_count` says how many there are.

    `foundation` is copy, base, unchecked base, older copy or nothing, `why` the reason for it. `dropped` are
    (file, from, to) of bytes not replayed; `lost` keys named in them that nothing holds, `outdated` those
    that may have an older value. The whole report lies in `report` on the host. `expiring` of the keys have a
    time to live: of a backup from a while ago they may all be gone as soon as the server is started.
    """

    foundation: str
    why: str
    keys: int
    commands: int
    dropped_bytes: int
    seconds: float
    report: str
    dropped: tuple[tuple[str, int, int], ...] = ()
    dropped_count: int = 0
    lost: tuple[str, ...] = ()
    lost_count: int = 0
    outdated: tuple[str, ...] = ()
    outdated_count: int = 0
    filled: tuple[str, ...] = ()
    filled_count: int = 0
    mended: tuple[str, ...] = ()
    mended_count: int = 0
    removed: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    doubtful_count: int = 0
    denied: tuple[str, ...] = ()
    denied_count: int = 0
    relative_behind_damage: dict[str, int] = field(default_factory=dict)
    in_unsure_database: int = 0
    refused: tuple[str, ...] = ()
    expiring: int = 0


def check_room(redis: Redis, copy: Copy | None = None, rebuild: bool = True) -> Action[Room]:
    """See that there is room for the safety copy and a rebuild, before anything is stopped.

    Raises:
        NoRoom: there is not; the sentence has the figures.
    """
    done: Done = yield Sh(
        _SIZES,
        redis.data_dir,
        redis.aof_dir,
        redis.rdb_name,
        copy.path if copy else "",
        script=True,
        sudo=True,
    )
    log, dump, backup, free = (int(line) for line in done.text.split())
    # The rebuild lays out its foundation and the log, and then writes both once more.
    needed = log + dump + RESERVE + (2 * (log + backup) if rebuild else 0)
    if free < needed:
        raise NoRoom(
            f"{redis.host}: expected {_mib(needed)} free in {redis.data_dir} for the safety copy and the "
            f"repair, found {_mib(free)}; nothing was touched.",
            do="Free some space on that volume, or grow it, and run again.",
        )
    return Room(free, needed)


def keep_copy(redis: Redis) -> Action[Kept]:
    """Copy the log and dump.rdb, as damaged as they are, into a folder beside them and compare every byte.

    Raises:
        NoRoom: there is too little space; nothing was copied.
        StepFailed: the copy differs from the original.
    """
    yield from check_room(redis, rebuild=False)
    now: float = yield Clock()
    path = f"{redis.data_dir}/drillyard-kept-{stamp(now)}"
    done: Done = yield Sh(
        _KEEP,
        redis.data_dir,
        path,
        redis.aof_dir,
        redis.rdb_name,
        script=True,
        sudo=True,
        changes=f"copies the damaged files to {path}",
        again="safe",
        timeout=1800,
        supposing=Done(0, b"0\n0\n"),
    )
    size, files = (int(line) for line in done.text.split())
    return Kept(path, size, files)


def stamp(now: float) -> str:
    """Return a moment (seconds since 1970) as it stands in names: 20261122T030000Z."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def hold_dump(redis: Redis) -> Action[None]:
    """Tell a running server not to write dump.rdb when it is stopped: it may be the only good copy."""
    yield from tell(redis, "CONFIG", "SET", "save", "", changes="keeps dump.rdb as it is while Redis stops")


def fix_owner(redis: Redis) -> Action[int]:
    """Give the data directory's own files back to Redis's user; return how many were changed."""
    done: Done = yield Sh(
        _OWNER,
        redis.data_dir,
        redis.owner,
        redis.aof_dir,
        redis.rdb_name,
        script=True,
        sudo=True,
        changes=f"gives {redis.files} back to {redis.user}",
        again="safe",
    )
    return len(done.text.splitlines())


def cut(redis: Redis, file: str, at: int) -> Action[Cut]:
    """Cut the torn end off the last log file, at the place the inspection found; `file` and `at` are its.

    By redis-check-aof, that of the container's image where it runs in one.

    Raises:
        StepFailed: the tool did not cut, or at another place: then more may be wrong than was seen.
    """
    path = f"{redis.files}/{file}"
    before: Done = yield Sh("stat", "-c", "%s", path, sudo=True)
    tool = yield from payload(
        redis,
        "aof",
        {"do": "cut"},
        changes=f"cuts {file} at byte {at}",
        again="safe",
        timeout=900,
        supposing=Done(0, b"{}"),
    )
    after: Done = yield Sh("stat", "-c", "%s", path, sudo=True, supposing=Done(0, str(at).encode()))
    if int(after.text) != at:
        last = (str(tool.get("said", "")).strip().splitlines() or ["nothing"])[-1]
        raise StepFailed(
            f"{redis.host}: expected {file} to end at byte {at} after the cut, found {after.text}; "
            f"redis-check-aof said: {last}.",
            do="The whole of it is in the safety copy; inspect it again before anything is started.",
        )
    return Cut(file, at, int(before.text) - at)


def make_place(redis: Redis) -> Action[None]:
    """Make the data directory where it is gone with everything in it; one that is there stays as it is."""
    yield Sh(
        _PLACE,
        redis.data_dir,
        redis.owner,
        script=True,
        sudo=True,
        changes=f"makes {redis.data_dir}",
        again="safe",
    )


def rebuild(
    redis: Redis, copy: Copy | None = None, started_empty: bool = False, lost: bool = False
) -> Action[Rebuilt]:
    """Rebuild the log in a folder beside it with a throwaway server; the data directory is only read.

    `copy` is the backup to stand on or to fill from, `started_empty` what the inspection said. With `lost`
    the files were gone: the copy is put below what was written since.

    Raises:
        StepFailed: no way led to files that a server accepts; the sentence has the reason of each.
    """
    spec: dict[str, Any] = {
        "work": redis.work,
        "copy": msgspec.to_builtins(copy) if copy else None,
        "started_empty": started_empty,
        "lost": lost,
        "timeout": 1500,
    }
    found = yield from payload(
        redis, "rebuild", spec, changes=f"rebuilds the log in {redis.work}", again="safe", timeout=1600
    )
    rebuilt = msgspec.convert({**found, "report": f"{redis.work}/report.json"}, Rebuilt)
    yield Note(f"{rebuilt.why}; {rebuilt.keys} keys, {rebuilt.dropped_bytes} bytes dropped")
    return rebuilt


def promote(redis: Redis, kept: str) -> Action[str]:
    """Put the rebuilt log in the damaged one's place by a rename; return where the report lies now.

    `kept` is the safety copy's folder: the replaced files and the rebuild's report go there.

    Raises:
        StepFailed: there is no rebuilt log to promote.
    """
    done: Done = yield Sh(
        _PROMOTE,
        redis.data_dir,
        redis.aof_dir,
        redis.work,
        kept,
        redis.owner,
        f"{redis.aof_name}.manifest",
        script=True,
        sudo=True,
        changes=f"puts the rebuilt log in the place of {redis.files}",
        again="safe",
        supposing=Done(0),
    )
    if done.text:
        yield Note(
            f"{redis.files} was a link to {done.text}; the rebuilt log is a folder in {redis.data_dir}. "
            "The damaged one is left where it was: move the new one there, when there is time for a stop."
        )
    return f"{kept}/report.json"


def rescue_live(redis: Redis, within: int = 900) -> Action[int]:
    """Have a living server write its whole log anew, for its memory is whole; return its keys.

    Raises:
        StepFailed: the server could not write it.
        NotInTime: it was not done `within` seconds.
    """
    before = yield from info(redis, "persistence")
    yield from tell(redis, "BGREWRITEAOF", changes="has Redis write its whole log anew")
    started = int(before["aof_rewrites"])

    def finished(done: Done) -> bool:
        state = read(redis, done).fields()
        idle = state.get("aof_rewrite_in_progress") == "0" and state.get("aof_rewrite_scheduled") == "0"
        return idle and int(state.get("aof_rewrites", 0)) > started

    done: Done = yield Until(
        redis.cli("INFO", "persistence"), finished, "Redis has written its log anew", within=within
    )
    if read(redis, done).fields().get("aof_last_bgrewrite_status") != "ok":
        raise StepFailed(
            f"{redis.host}: expected Redis to write its log anew, found that it could not.",
            do="Look at its log; most often the disk is full. It still holds all data: do not restart it.",
        )
    space = yield from info(redis, "keyspace")
    return sum(int(what.split(",")[0].split("=")[1]) for what in space.values())


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
