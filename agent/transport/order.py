"""What a road carries to a host for an ask: words, input, time and who to be. Nothing is sent here."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from agent.errors import BadInventory
from agent.secrets import Secret
from agent.transport.ask import Get, Put, Sh

BROKEN = 96
"""The exit code of our own scripts where they, not the command, could not go on."""

MERCY = 5
"""Seconds between asking a command to end at its limit and killing it."""


@dataclass(frozen=True)
class Me:
    """Who we are on a host once let in; `limits` says that its timeout(1) ends whole process groups."""

    user: str
    uid: int
    home: str
    limits: bool


@dataclass(frozen=True)
class Order:
    """One command line for a host. `user` "" is whoever the road logs in as; `seconds` is its limit.

    `shares` says that it may be given to a shell that runs other commands too, one after the other; `apart`
    that it must then have a session of its own, as a job, by whose session it is known to live. `text` is
    the same command as text that such a shell can run by itself, without a limit kept by the host; "" where
    there is none.
    """

    argv: tuple[str, ...]
    what: str
    user: str = ""
    stdin: bytes = b""
    seconds: float = 60.0
    shares: bool = False
    apart: bool = False
    text: str = ""


@dataclass(frozen=True)
class Ended:
    """How a carried order ended."""

    rc: int
    seconds: float


class Gone(Exception):
    """The way to the host broke; `begun` is False where the order certainly never reached it."""

    def __init__(self, reason: str, *, begun: bool = True) -> None:
        self.reason = reason
        self.begun = begun
        super().__init__(reason)


class Overdue(Exception):
    """The host did not end the order in its time; `ended` says whether we then could."""

    def __init__(self, *, ended: bool) -> None:
        self.ended = ended
        super().__init__()


@cache
def script(name: str) -> str:
    """Return the text of one of this room's shell scripts, without its comments."""
    lines = (Path(__file__).parent / f"{name}.sh").read_text().splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def as_text(ask: Sh) -> str:
    """Return a command as text for a shell that is open already; "" where only one of its own will do."""
    if not ask.script:
        return shlex.join(ask.argv)
    script, *more = ask.argv
    # What asks for its own process, or its parent, is to find itself and not the shell of all.
    if re.search(r"\$(\$|\{?PPID|0)", script):
        return ""
    return f"set -- {shlex.join(more)}\n{script}" if more else script


def words(ask: Sh) -> tuple[str, ...]:
    """Return the command itself as argv."""
    return ("sh", "-c", ask.argv[0], "sh", *ask.argv[1:]) if ask.script else ask.argv


def limited(argv: tuple[str, ...], seconds: float, me: Me) -> tuple[str, ...]:
    """Return argv so that the host itself ends it and its process group after `seconds`."""
    if me.limits:
        return ("timeout", "-k", str(MERCY), f"{seconds:.3f}".rstrip("0").rstrip("."), *argv)
    return ("sh", "-c", script("deadline"), "sh", str(math.ceil(seconds)), str(MERCY), *argv)


def sealed(argv: tuple[str, ...], secrets: Mapping[str, Secret]) -> tuple[tuple[str, ...], bytes]:
    """Return argv that reads its secrets from the first lines of stdin, and those lines.

    Raises:
        BadInventory: a secret leads nowhere, or holds a NUL, which no environment can.
    """
    names: list[str] = []
    lines = b""
    for name, secret in secrets.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"{name!r} cannot be the name of a variable")
        text = secret.reveal()
        if "\0" in text:
            raise BadInventory(f"{secret.at}: the secret {secret!r} holds a NUL byte.")
        names += [name, str(text.count("\n") + 1)]
        lines += text.encode("utf-8", "surrogateescape") + b"\n"
    if not names:
        return argv, b""
    return ("sh", "-c", script("secrets"), "sh", *names, "--", *argv), lines


def by_sudo(order: Order, password: Secret | None) -> tuple[Order, tuple[str, ...]]:
    """Return an order that sudo turns into its user, and its argv; nothing of a password stands in either.

    `sudo -S` would hand the password on to the command where sudo does not ask for it. So sudo is given a
    program to ask, printenv, and as its prompt the name of the variable which that is to print: it gets the
    password if and only if it asks with that prompt, and the command itself runs without the variable.
    """
    # sudo speaks the host's language; its refusals are known by their English words.
    who = () if order.user == "root" else ("-u", order.user)
    order = replace(order, text="")
    if password is None:
        return order, ("env", "LC_ALL=C", "sudo", "-n", *who, "--", *order.argv)
    asking = ("sudo", "-A", "-p", _PROMPT, *who, "--", "env", "-u", _PROMPT, *order.argv)
    argv, lines = sealed(("sh", "-c", _ASK, "sh", *asking), {_PROMPT: password})
    return replace(order, stdin=lines + order.stdin), argv


_PROMPT = "DRILLYARD_BECOME"
_ASK = 'LC_ALL=C SUDO_ASKPASS=$(command -v printenv); export LC_ALL SUDO_ASKPASS; exec "$@"'


def plain_order(ask: Sh, me: Me) -> Order:
    """Return the order for a command that leaves no trace of having been asked."""
    argv, lines = sealed(words(ask), ask.secrets)
    return Order(
        limited(argv, ask.timeout, me),
        str(ask),
        user="root" if ask.sudo is True else ask.sudo or "",
        stdin=lines + ask.stdin,
        seconds=ask.timeout,
        shares=True,
        text=as_text(ask),
    )


@dataclass(frozen=True)
class Job:
    """One ask's job on a host: the `folder` of all jobs, what its files' names begin with, whose they are."""

    folder: str
    name: str
    user: str

    @property
    def path(self) -> str:
        """What the paths of its files begin with."""
        return f"{self.folder}/{self.name}"


def job_of(ask: Sh, name: str, state_dir: str, me: Me) -> Job:
    """Return where the job of that name lives: with root in `state_dir`, else in our home.

    The same ask under the same name always leads to the same files.
    """
    if ask.sudo or me.uid == 0:
        return Job(f"{state_dir}/jobs", file_name(name), "root")
    return Job(f"{me.home}/.local/state/drillyard/jobs", file_name(name), "")


def file_name(name: str) -> str:
    """Return a job's name so that files can begin with it; different names stay different."""
    if not name.strip("."):
        raise ValueError(f"{name!r} cannot be the name of a job")
    plain = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
    odd = name.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in odd)


def job_order(ask: Sh, job: Job, command: tuple[str, ...]) -> Order:
    """Return the order that runs a command as a job, or takes up the one that is there already.

    `command` is what the job's owner runs: the ask's words, limited, and turned into the user it is for.
    """
    size = str(len(ask.stdin))
    wrapped = ("sh", "-c", script("job"), "sh", job.folder, job.name, ask.again, size, *command)
    argv, lines = sealed(wrapped, ask.secrets)
    stdin = lines + ask.stdin
    return Order(argv, str(ask), job.user, stdin, seconds=ask.timeout, shares=True, apart=True)


def put_order(ask: Put, me: Me) -> Order:
    """Return the order that writes a file from stdin, whole or not at all."""
    argv = ("sh", "-c", script("put"), "sh", ask.path, f"{ask.mode:o}", ask.owner, str(len(ask.content)))
    return Order(
        limited(argv, ask.timeout, me),
        str(ask),
        user="root" if ask.sudo else "",
        stdin=ask.content,
        seconds=ask.timeout,
    )


def get_order(ask: Get, me: Me) -> Order:
    """Return the order that prints a file's size on a line and then its bytes."""
    argv = ("sh", "-c", script("get"), "sh", ask.path, str(ask.limit))
    return Order(
        limited(argv, ask.timeout, me), str(ask), user="root" if ask.sudo else "", seconds=ask.timeout
    )
