"""Claims about a Redis server that can be false: up, answering, reading, writing, durable."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotInTime, ProofFailed, StepFailed
from agent.systems.redis.look import Copy
from agent.systems.redis.server import Redis, ask, info, read
from agent.transport.ask import Action, Clock, Done, Sh, Until

CANARY = "drillyard:canary"

_FILES = """\
# are the files there, and its own
set -eu
[ -s "$1" ] || { echo "the manifest $1 is not there"; exit 0; }
find -H "$(dirname "$1")" ! -user "$2" -o -type f ! -perm -u+rw | sed -n "1s/^/not $2's to read and write: /p"
"""

# A server's working folder is that of its data; what begins and ends again and again is never old. The time
# is that of a process which begins now: in a container of LXC /proc/uptime tells another one.
_ALIVE = """\
# a server that works on these data, wherever it listens
set -eu
up=$(($(cut -d' ' -f22 /proc/self/stat) / 100))
for each in /proc/[0-9]*; do
  [ "$each/cwd" -ef "$1" ] || continue
  case $(cat "$each/comm" 2>/dev/null) in *-server) ;; *) continue ;; esac
  began=$(sed 's/.*) //' "$each/stat" 2>/dev/null | cut -d' ' -f20)
  [ -n "$began" ] && [ $((up - began / 100)) -ge "$2" ] || continue
  title=$(tr '\\0' ' ' 2>/dev/null <"$each/cmdline") || continue
  echo "${each#/proc/} $((up - began / 100)) $title"
  exit 0
done
"""
_IN_TOUCH = 60.0
_OLD = 10
"""Seconds for which a server that runs on the data and answers nobody is no restart loop."""


@dataclass(frozen=True)
class Status:
    """How the server is, by asking it only. `symptoms` are sentences; none means it is well.

    A replica takes no writes but its master's, and `writes` says nothing of it; `link` is whether it is in
    touch with that: up, down, or "" for a master.
    """

    up: bool
    reads: bool = False
    writes: bool = False
    loading: bool = False
    keys: int = -1
    role: str = ""
    version: str = ""
    aof: str = ""
    symptoms: tuple[str, ...] = ()
    link: str = ""


@dataclass(frozen=True)
class Proof:
    """What was proved, claim by claim, and the number of keys at that moment."""

    claims: tuple[str, ...]
    keys: int


def status(redis: Redis) -> Action[Status]:
    """Ask the server how it is, writing one key of ours and removing it again.

    Raises:
        ServiceRefused: it does not accept our password.
        StepFailed: it runs, and not where the inventory says: whoever took it for dead would stop it.
    """
    reply = yield from ask(redis, "PING")
    if reply.state == "down":
        yield from _nowhere_else(redis, reply.text)
        return Status(False, symptoms=(f"Redis does not answer: {reply.text}",))
    if reply.state == "loading":
        return Status(True, loading=True, symptoms=("Redis is still loading its data",))
    symptoms = [] if reply.text == "PONG" else [f"PING is answered by: {reply.text}"]
    server = yield from info(redis, "server")
    replication = yield from info(redis, "replication")
    state = yield from info(redis, "persistence")
    keys = yield from _keys(redis)
    wrote = yield from _write(redis, replication["role"])
    symptoms += [wrote] if wrote else []
    link = "" if replication["role"] == "master" else replication.get("master_link_status", "down")
    if link not in ("", "up"):
        symptoms.append(
            f"{_replica(replication)}, and is not in touch with it: what it answers is of the past"
        )
    if state["aof_enabled"] != "1":
        symptoms.append("the append-only file is switched off")
    if state["aof_last_write_status"] != "ok":
        symptoms.append("the last write to the append-only file failed")
    if state["aof_last_bgrewrite_status"] != "ok":
        symptoms.append("the last rewrite of the append-only file failed")
    return Status(
        up=True,
        reads=reply.text == "PONG",
        writes=not wrote,
        keys=keys,
        role=replication["role"],
        version=server["redis_version"],
        aof=state["aof_last_write_status"] if state["aof_enabled"] == "1" else "off",
        symptoms=tuple(symptoms),
        link=link,
    )


def _nowhere_else(redis: Redis, said: str) -> Action[None]:
    """See that no server runs on the data that answers elsewhere: it may hold their only whole copy."""
    done: Done = yield Sh(_ALIVE, redis.data_dir, str(_OLD), script=True, sudo=True)
    if not done.text:
        return
    pid, age, title = done.text.split(" ", 2)
    where = (redis.socket or f"{redis.address}:{redis.port}") + (" in TLS" if redis.tls else "")
    raise StepFailed(
        f"{redis.host}: expected Redis at {where}, found no answer there ({said}), and a server that has "
        f"run on {redis.data_dir} for {age} s: process {pid}, {title.strip()}.",
        do="Correct address, port, socket or tls of redis in the inventory; nothing was changed. It may hold "
        "the only whole copy of the data: do not restart it before.",
    )


def ping(redis: Redis, within: float = 60) -> Action[float]:
    """Wait until the server has loaded its data and answers PONG; return the host's time then.

    Raises:
        NotInTime: it did not `within` seconds.
        ServiceRefused: it does not accept our password.
    """
    yield Until(
        redis.cli("PING"),
        lambda done: read(redis, done).text == "PONG",
        f"Redis on {redis.host} answers PONG",
        within=within,
        supposing=Done(0, b"PONG\n"),
    )
    now: float = yield Clock()
    return now


def count(redis: Redis, at_least: int = 0) -> Action[int]:
    """Return the number of keys in all databases; the backup mark is one of them.

    Raises:
        ProofFailed: there are fewer than `at_least`.
    """
    keys = yield from _keys(redis)
    if keys < at_least:
        raise ProofFailed(
            f"{redis.host}: expected at least {at_least} keys, found {keys}.",
            do="The files as they were lie in the safety copy; look at the rebuild's report.",
        )
    return keys


def prove(redis: Redis, at_least: int = 0, *, master: bool = False) -> Action[Proof]:
    """Prove that the server answers, reads, writes, keeps what it writes, and could start again.

    Of a replica it is proved that it is in touch with its master, in place of the writing; with `master` it
    may be none.

    Raises:
        ProofFailed: one of these is false; the sentence names it.
        ServiceRefused: it does not accept our password.
    """
    reply = yield from ask(redis, "PING")
    _claim(redis, "it answers PONG", reply.text == "PONG", reply.text)
    replication = yield from info(redis, "replication")
    serves = yield from _serves(redis, replication, master=master)
    state = yield from info(redis, "persistence")
    _claim(redis, "its append-only file is on", state["aof_enabled"] == "1", "it is off")
    written = state["aof_last_write_status"]
    _claim(redis, "it writes its append-only file", written == "ok", written)
    files: Done = yield Sh(_FILES, redis.manifest, redis.user.partition(":")[0], script=True, sudo=True)
    _claim(redis, "its files are there and are its own", not files.text, files.text)
    keys = yield from count(redis, at_least)
    return Proof(
        claims=(
            "it answers PONG",
            serves,
            "its append-only file is on and is being written",
            "its files are there and are its own",
            f"it holds {keys} keys, at least {at_least} were expected",
        ),
        keys=keys,
    )


def _serves(redis: Redis, replication: dict[str, str], *, master: bool) -> Action[str]:
    """Prove that it does what its part is, and return the claim."""
    if replication["role"] == "master":
        wrong = yield from _write(redis, "master")
        _claim(redis, "it reads and writes", not wrong, wrong)
        return "it reads and writes"
    what = _replica(replication)
    if master:
        raise ProofFailed(
            f"{redis.host}: expected of Redis that it reads and writes, found that {what}.",
            do="Where it is to take the master's place: redis-cli REPLICAOF NO ONE there, and run again.",
        )
    try:
        # One that was just started has its master's data sent to it first.
        yield Until(
            redis.cli("INFO", "replication"),
            lambda done: read(redis, done).fields().get("master_link_status") == "up",
            f"Redis on {redis.host} is in touch with its master",
            within=_IN_TOUCH,
            supposing=Done(0),
        )
    except NotInTime:
        _claim(redis, "it is in touch with its master", False, f"{what}, and the link is down")
    return f"it reads, and is in touch with its master; writes were not tried: {what}"


def _replica(replication: dict[str, str]) -> str:
    where = f"{replication.get('master_host', '?')}:{replication.get('master_port', '?')}"
    return f"it is a replica of {where}"


def prove_back(redis: Redis, copy: Copy | None) -> Action[str]:
    """Prove that the server goes on from the copy that was put back; return the mark it holds.

    Raises:
        ProofFailed: it does not hold the copy's mark nor a later one.
    """
    mark = (yield from ask(redis, "GET", "drillyard:mark")).text
    if copy and copy.mark:
        held = f"it holds {mark or 'no mark'} and not {copy.mark}"
        _claim(redis, f"it goes on from {copy.id}", mark >= copy.mark, held)
    return mark


def _claim(redis: Redis, claim: str, holds: bool, found: str) -> None:
    if not holds:
        raise ProofFailed(f"{redis.host}: expected of Redis that {claim}, found: {found}.")


def _keys(redis: Redis) -> Action[int]:
    space = yield from info(redis, "keyspace")
    return sum(int(what.split(",")[0].split("=")[1]) for what in space.values())


def _write(redis: Redis, role: str) -> Action[str]:
    """Write, read and remove a key of ours; return what went wrong, or nothing."""
    if role != "master":
        return ""
    now: float = yield Clock()
    word = f"{now:.6f}"
    # By stdin, so that the ask reads the same in every plan.
    done: Done = yield redis.cli(
        lines=f"SET {CANARY} {word} EX 60\nGETDEL {CANARY}\n",
        changes=f"writes and removes {CANARY}",
        again="safe",
        supposing=Done(0, f"OK\n{word}\n".encode()),
    )
    said = done.text.splitlines()
    if said == ["OK", word]:
        return ""
    if said[:1] == ["OK"]:
        return f"a key just written reads as {' '.join(said[1:])!r}"
    return said[0] if said else done.complaint
