"""Room for a Redis whose memory is full: more of it within what the host has, fewer keys, and for good."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from agent.errors import NoRoom, ProofFailed, Refused, StepFailed
from agent.systems.redis.claims import status
from agent.systems.redis.memory import ceiling, host_of
from agent.systems.redis.server import Redis, info, payload, tell
from agent.transport.ask import Action, Done, Note, Sh

_UNITS = {"": 1, "k": 1000, "kb": 1 << 10, "m": 10**6, "mb": 1 << 20, "g": 10**9, "gb": 1 << 30}
_SIGNS = 3  # characters that a pattern must begin with before its first wildcard
_MOST_USED = 0.9
_OURS = "# kept by drillyard"
_ON_COMMAND_LINE = re.compile(r"--maxmemory[\s\",=]+([0-9]+[a-zA-Z]*)")

# The last line of a setting counts, and an included file counts where its include stands. A last line may
# have no end, and what is put behind it would become a part of it: the server would not start any more.
_KEEP = f"""\
# keep a setting in the server's configuration
set -eu
file=$1 name=$2 value=$3
[ -f "$file" ] || {{ echo "$file is not there" >&2; exit 1; }}
[ ! -L "$file" ] || file=$(readlink -f "$file")
[ -e "$file.drillyard-before" ] || cp -p "$file" "$file.drillyard-before"
cp -p "$file" "$file.drillyard-new"
sed -i "/^{_OURS}: $name\\$/,+1d" "$file.drillyard-new"
[ -z "$(tail -c 1 "$file.drillyard-new")" ] || echo >>"$file.drillyard-new"
printf '%s\\n%s %s\\n' "{_OURS}: $name" "$name" "$value" >>"$file.drillyard-new"
sync "$file.drillyard-new"
mv "$file.drillyard-new" "$file"
"""
_LAST = """\
# what a server would read at its next start, includes in their place
walk() {
  while read -r name value || [ -n "$name" ]; do
    case $name in
      include) for each in $value; do [ ! -r "$each" ] || walk "$each"; done;;
      "$wanted") echo "$value";;
    esac
  done <"$1"
}
wanted=$2
walk "$1" | tail -n 1
"""


@dataclass(frozen=True)
class Raised:
    """maxmemory in bytes before and now."""

    before: int
    now: int


@dataclass(frozen=True)
class Swept:
    """Keys that were deleted, in how many steps of at most `slowest_ms`; `finished` = none of them is left.

    The `others_` figures are what somebody else waited for an answer meanwhile and before: median and p99 in
    milliseconds. `freed` are bytes of used memory. `elsewhere` are other databases with such keys.
    """

    removed: int
    steps: int
    finished: bool
    seconds: float
    slowest_ms: float
    others_before_ms: tuple[float, float]
    others_during_ms: tuple[float, float]
    freed: int = 0
    elsewhere: tuple[int, ...] = ()


@dataclass(frozen=True)
class Kept:
    """How a limit outlives a restart: `how` is file, rewrite or "" (it does not), `file` where it stands."""

    how: str
    file: str
    maxmemory: int


@dataclass(frozen=True)
class Relieved:
    """Bytes used and allowed, and whether the limit is the one that a restart would bring."""

    used: int
    maxmemory: int
    outlives_restart: bool


def raise_maxmemory(redis: Redis, to: str) -> Action[Raised]:
    """Raise maxmemory to so many bytes (`4gb`, as Redis writes sizes), if the host has them.

    Raises:
        NoRoom: the host cannot bear it, or it is less than what is used; nothing was changed.
    """
    wanted = size(to)
    said = yield from info(redis, "memory")
    used, before = int(said["used_memory"]), int(said["maxmemory"])
    top = ceiling(used, (yield from host_of(redis)))
    if wanted > top:
        raise NoRoom(
            f"{redis.host}: expected the host to bear maxmemory {_mib(wanted)}, found that it can bear "
            f"{_mib(top)}; nothing was changed.",
            do="Ask for less, delete keys, or move Redis to a larger host.",
        )
    if wanted <= used:
        raise NoRoom(
            f"{redis.host}: expected more than the {_mib(used)} that are used, found {_mib(wanted)} asked "
            "for; nothing was changed.",
        )
    changes = f"raises maxmemory from {_mib(before)} to {_mib(wanted)}"
    yield from tell(redis, "CONFIG", "SET", "maxmemory", str(wanted), changes=changes)
    return Raised(before, wanted)


def size(text: str) -> int:
    """Return a size as Redis writes it (`4gb`, `100mb`, a plain number) in bytes.

    Raises:
        Refused: it is none.
    """
    found = re.fullmatch(r"\s*(\d{1,15})\s*([a-zA-Z]*)\s*", text)
    if not found or found[2].lower() not in _UNITS:
        raise Refused(f"Expected a size such as 4gb or 512mb, found {text!r}.")
    return int(found[1]) * _UNITS[found[2].lower()]


def sweep(redis: Redis, pattern: str, within: float, share: float, db: int = 0) -> Action[Swept]:
    """Delete the keys of a pattern by SCAN and UNLINK in small steps, asking the server `share` of the time.

    Only those of one database: who shares a server may have keys of that name too.

    Raises:
        Refused: the pattern would match nearly everything.
        StepFailed: the server refused, or went away.
    """
    begins = re.split(r"[*?\[\\]", pattern)[0]
    if len(begins) < _SIGNS:
        raise Refused(
            f"{redis.host}: expected a pattern that begins with at least {_SIGNS} plain characters, "
            f"found {pattern!r}; nothing was deleted.",
            do="Name what is to be deleted, as temp:*.",
        )
    before = int((yield from info(redis, "memory"))["used_memory"])
    told = {"within": within, "share": share, "step": 200, "db": db}
    spec = {"cli": redis.cli_words, "pattern": pattern, **told}
    found = yield from payload(
        redis,
        "sweep",
        spec,
        secrets=redis.secrets,
        changes=f"deletes {pattern} of database {db} in small steps",
        again="safe",
        timeout=within + 60,
        supposing=Done(0, _SUPPOSED),
    )
    after = int((yield from info(redis, "memory"))["used_memory"])
    swept = msgspec.convert({**found, "freed": before - after}, Swept)
    left = "" if swept.finished else " (its time was over: run again for the rest)"
    yield Note(
        f"{swept.removed:,} keys of {pattern} in database {db} deleted in {swept.seconds:.1f} s{left}, "
        f"{_mib(swept.freed)} "
        f"freed; others waited {_waited(swept.others_during_ms)} meanwhile, "
        f"{_waited(swept.others_before_ms)} before"
    )
    if swept.elsewhere:
        others = ", ".join(map(str, swept.elsewhere))
        yield Note(f"keys of {pattern} are in database {others} too: --set db=N deletes those of another one")
    return swept


_SUPPOSED = b"""{"removed": 0, "steps": 0, "finished": true, "seconds": 0, "slowest_ms": 0,
"others_before_ms": [0, 0], "others_during_ms": [0, 0]}"""


def keep_limit(redis: Redis) -> Action[Kept]:
    """Have the present maxmemory outlive a restart; what was in the file is kept beside it.

    On a host our line is put at the end of the server's configuration, where it counts most and where
    secrets of included files stay where they are (CONFIG REWRITE would copy them); in a container Redis
    rewrites its file.
    """
    server = yield from info(redis, "server")
    value = (yield from info(redis, "memory"))["maxmemory"]
    file = server.get("config_file", "")
    if not file:
        yield Note(
            f"{redis.host}: Redis runs without a configuration file: put maxmemory {value} where it is "
            "started, or a restart takes it back"
        )
        return Kept("", "", int(value))
    if redis.container:
        yield from tell(redis, "CONFIG", "REWRITE", changes=f"has Redis rewrite {file}")
        return Kept("rewrite", file, int(value))
    yield redis.beside(
        _KEEP,
        *(file, "maxmemory", value),
        changes=f"keeps maxmemory {value} in {file}",
        again="safe",
        supposing=Done(0),
    )
    return Kept("file", file, int(value))


def prove_relieved(redis: Redis) -> Action[Relieved]:
    """Prove that writes are taken again and that there is room for more.

    Raises:
        ProofFailed: they are not, or more than nine tenths of maxmemory are used.
    """
    says = yield from status(redis)
    if says.link:
        raise ProofFailed(
            f"{redis.host}: expected a master that takes writes, found a replica.",
            do="Run this page on its master.",
        )
    if not says.writes:
        raise ProofFailed(f"{redis.host}: expected Redis to take writes, found: {'; '.join(says.symptoms)}.")
    said = yield from info(redis, "memory")
    used, limit = int(said["used_memory"]), int(said["maxmemory"])
    if limit and used > _MOST_USED * limit:
        raise ProofFailed(
            f"{redis.host}: expected at most {_MOST_USED:.0%} of maxmemory to be used, found {_mib(used)} of "
            f"{_mib(limit)}.",
            do="Delete other keys (the measurement names the largest groups), or move to a larger host.",
        )
    return Relieved(used, limit, (yield from _next_start(redis)) == limit)


def prove_limit_kept(redis: Redis) -> Action[int]:
    """Prove that the next start brings the present maxmemory; return it.

    Raises:
        ProofFailed: it would be another one.
    """
    limit = int((yield from info(redis, "memory"))["maxmemory"])
    then = yield from _next_start(redis)
    if then != limit:
        raise ProofFailed(
            f"{redis.host}: expected the next start to bring maxmemory {limit}, found that it would bring "
            f"{then if then >= 0 else 'what its command line says'}.",
            do=f"Put maxmemory {limit} where the server is configured.",
        )
    return limit


def _next_start(redis: Redis) -> Action[int]:
    file = (yield from info(redis, "server")).get("config_file", "")
    if not file:
        return -1
    # What stands on the command line comes behind the file, and wins.
    words: Done = yield _started_with(redis)
    if found := _ON_COMMAND_LINE.findall(words.text):
        return size(found[-1])
    done: Done = yield redis.beside(_LAST, file, "maxmemory", ok=(0, 1, 2))
    try:
        return size(done.text) if done.text else 0
    except (Refused, StepFailed):
        return -1


def _started_with(redis: Redis) -> Sh:
    """Return the ask for the words by which its supervisor starts it; none where it tells nothing."""
    if redis.container:
        told = ("docker", "container", "inspect", "--format", "{{json .Args}}", redis.container)
        return Sh(*told, sudo=True, ok=(0, 1))
    told_by = '# how it is started\nsystemctl show --property ExecStart --value "$1" 2>/dev/null || :'
    return Sh(told_by, redis.unit, script=True)


def _waited(figures: tuple[float, float]) -> str:
    return f"{figures[0]:.1f} ms (p99 {figures[1]:.1f} ms)"


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MiB"
