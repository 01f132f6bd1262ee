"""Whether a Redis has lost all its data, since when, and what is put back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from agent.errors import NoBackup, StepFailed
from agent.systems.redis.look import Copy, nothing_left, settled
from agent.systems.redis.server import Redis, ask, info, payload
from agent.transport.ask import Action, Clock, Done, Note, Sh

_FSTAB = "/etc/fstab"

# Both files write a blank in a path in the same way, so that they are compared as they are.
_UNMOUNTED = """\
# a place above the data that should be mounted and is not
set -eu
[ -r "$2" ] || exit 0
awk -v data="$1/" 'NR == FNR {mounted[$2]; next}
  $1 ~ /^#/ || $2 !~ /^\\/./ || $4 ~ /noauto/ {next}
  {place = $2; sub(/\\/+$/, "", place)}
  index(data, place "/") == 1 && !(place in mounted) {print place; exit}
' /proc/self/mounts "$2"
"""

State = Literal["well", "there", "lost"]
_MOST = 0.5
"""A server that holds this share of the copy's keys has not lost everything, where its log cannot tell."""


@dataclass(frozen=True)
class Loss:
    """What became of the data.

    `source` is what the page puts back, a backup or a dump.rdb that was left; None where nothing is lost.
    What was written between `since` and `until` (UTC, ISO with offset), `seconds` of it, is lost; `keys` is
    how many the server holds now (-1 = it is down), written since.
    """

    lost: bool
    why: str
    alive: bool
    keys: int = -1
    source: Copy | None = None
    since: str = ""
    until: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Alive:
    """What a running server says: its keys, its mark, since when it runs (seconds since 1970), whose replica
    it is."""

    keys: int
    mark: str
    began: float
    master: str = ""


@dataclass(frozen=True)
class Seen:
    """The payload's report (`aof.inspect`), what the server says (None: it is down), the copy, the time."""

    files: dict[str, Any]
    alive: Alive | None
    copy: Copy | None
    now: float


def find_loss(redis: Redis, copy: Copy | None = None) -> Action[Loss]:
    """Tell whether all data is gone, and choose what is put back: `copy`, or a newer dump.rdb left behind.

    Raises:
        StepFailed: data is still there, so another page loses less; the sentence says what there is. Or it is
            a replica: what it holds is its master's.
        NoBackup: it is gone, and there is nothing to put back.
        ServiceRefused: the server does not accept our password.
    """
    reply = yield from settled(redis)
    spec: dict[str, Any] = {"do": "inspect", "dump": f"{redis.data_dir}/{redis.rdb_name}"}
    files = yield from payload(redis, "aof", spec | ({"copy": copy.path} if copy else {}), timeout=600)
    now: float = yield Clock()
    alive = None if reply.state == "down" else (yield from _ask_the_living(redis, now))
    seen = Seen(files, alive, copy, now)
    state, why = state_of(seen)
    if state == "well":
        return Loss(False, why, True, alive.keys if alive else -1)
    if state == "there":
        raise StepFailed(
            f"{redis.host}: expected all of Redis's data to be gone, found: {why}.",
            do="Run redis_aof: it loses less. Nothing was changed.",
        )
    if alive and alive.master:
        raise StepFailed(
            f"{redis.host}: expected a master whose data are gone, found a replica of {alive.master}: {why}. "
            "It would take that one's data again whatever is put back here.",
            do="Run this page on its master. Where this one is to take its place: redis-cli REPLICAOF NO ONE "
            "here, and run again. Nothing was changed.",
        )
    found = judge(redis, seen, why)
    if found.source is None:
        raise NoBackup(
            f"{redis.host}: {why}, and there is neither a verified backup nor a sound {redis.rdb_name}.",
            do="Bring one from another place (`drillyard backup fetch redis`); nothing was changed.",
        )
    yield Note(
        f"{found.why}. Put back: {found.source.id}. What was written between {found.since} and "
        f"{found.until} ({found.seconds:.0f} s) is lost."
    )
    if alive is None:
        yield Note(
            f"{redis.host}: a replica that lives holds more than this, and takes this in its place as soon "
            "as the server is started: where there is one, make it the master (redis-cli REPLICAOF NO ONE)."
        )
    return found


def check_mounted(redis: Redis, unmounted: bool) -> Action[None]:
    """See that the data are not merely out of sight, on a volume that is not mounted.

    Raises:
        StepFailed: they may be; with `unmounted` that is a note.
    """
    done: Done = yield Sh(_UNMOUNTED, redis.data_dir, _FSTAB, script=True, sudo=True)
    if not done.text:
        return
    said = f"{done.text} is not mounted, and {_FSTAB} says that it should be"
    if unmounted:
        yield Note(f"{redis.host}: {said}; as unmounted=yes says, its volume is taken for lost.")
        return
    raise StepFailed(
        f"{redis.host}: expected Redis's data to be gone, found that {said}: they may lie on that volume.",
        do=f"Stop Redis where it runs without them, mount {done.text}, and run redis_aof. Where the volume "
        "is lost: --set unmounted=yes. Nothing more was changed.",
    )


def state_of(seen: Seen) -> tuple[State, str]:
    """Return whether the server is well, data of its old life is still there, or all is lost; with the
    reason. Decides purely."""
    files, alive, copy = seen.files, seen.alive, seen.copy
    mark = copy.mark if copy else ""
    if copy and alive and mark and alive.mark >= mark:
        return "well", f"Redis answers with {alive.keys} keys and knows of the copy {copy.id}"
    if files["order"]:
        return "there", "the manifest has forgotten files that hold data"
    if copy and mark in files["marks"]:
        if not alive:
            return "there", f"the log still holds the mark of {copy.id}"
        return "there", f"the log holds the mark of {copy.id} and Redis does not: a command deleted the data"
    base = files["base"]
    # What a server wrote that had begun empty, after the copy was taken, is of a later life. It may be many
    # keys: a cache fills up again by itself.
    if copy and base["state"] == "sound" and not base["keys"] and base["made"] > files["copy"]["made"]:
        since = f" and has written {alive.keys} keys since" if alive else ""
        return "lost", f"Redis had begun anew without its data{since}"
    if alive:
        return _in_memory(alive, copy)
    if nothing_left(files):
        return "lost", "no file of the log is left"
    return "there", f"a log of {files['bytes']} bytes with a {base['state']} base of {base['keys']} keys"


def _in_memory(alive: Alive, copy: Copy | None) -> tuple[State, str]:
    held = sum(copy.contents.values()) if copy else 0
    if held and alive.keys >= _MOST * held:
        return "there", f"Redis answers with {alive.keys} keys, and the copy held {held}"
    if not copy and alive.keys:
        return "there", f"Redis answers with {alive.keys} keys, and there is no copy to hold it against"
    return "lost", f"Redis runs without its data: {alive.keys} keys, where the copy held {held}"


def judge(redis: Redis, seen: Seen, why: str) -> Loss:
    """Say what is put back and what that loses; decides purely."""
    source = _newest(redis, seen)
    since = _moment(source.taken_at) if source else 0.0
    # One that ran before the copy was taken stands in for another, whose end it cannot tell.
    until = seen.alive.began if seen.alive and seen.alive.began >= since else seen.now
    return Loss(
        lost=True,
        why=why,
        alive=seen.alive is not None,
        keys=seen.alive.keys if seen.alive else -1,
        source=source,
        since=_iso(since),
        until=_iso(until),
        seconds=round(max(0.0, until - since), 1),
    )


def _newest(redis: Redis, seen: Seen) -> Copy | None:
    """Return the copy, or the dump.rdb where that is of the same life and came later."""
    dump = seen.files.get("dump") or {"state": "missing"}
    usable = dump["state"] == "sound" and dump["keys"] > 0
    if not usable or (seen.copy and dump["mark"] < seen.copy.mark):
        return seen.copy
    if seen.copy and dump["made"] <= _moment(seen.copy.taken_at):
        return seen.copy
    return Copy(
        id=redis.rdb_name,
        path=f"{redis.data_dir}/{redis.rdb_name}",
        mark=dump["mark"],
        taken_at=_iso(dump["made"]),
        contents={"keys": dump["keys"]},
    )


def _ask_the_living(redis: Redis, now: float) -> Action[Alive]:
    space = yield from info(redis, "keyspace")
    server = yield from info(redis, "server")
    mark = yield from ask(redis, "GET", "drillyard:mark")
    keys = sum(int(what.split(",")[0].split("=")[1]) for what in space.values())
    its = yield from info(redis, "replication")
    master = "" if its["role"] == "master" else f"{its.get('master_host')}:{its.get('master_port')}"
    return Alive(keys, mark.text, now - float(server["uptime_in_seconds"]), master)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).isoformat()
