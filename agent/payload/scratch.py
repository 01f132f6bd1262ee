"""A throwaway redis-server on a unix socket in a folder of its own, ended whatever happens."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from agent.payload.owner import ids
from agent.payload.programs import Programs

_PR_SET_PDEATHSIG = 1
_DATABASES = 1024

Reply = Any


class LoadFailed(Exception):
    """The throwaway server did not accept the files it was given; its last words are the message."""


class ErrorReply(Exception):
    """The server answered with an error."""


class Client:
    """One connection; commands are words of text or bytes, replies bytes, int, None or lists."""

    def __init__(self, folder: Path, timeout: float) -> None:
        """Connect to the socket `s` in `folder`, however long the folder's name is."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        handle = os.open(folder, os.O_RDONLY)
        try:
            # The name of a socket is limited to 107 bytes, that of a folder is not.
            self._socket.connect(f"/proc/self/fd/{handle}/s")
        except BaseException:
            self._socket.close()
            raise
        finally:
            os.close(handle)
        self._file = self._socket.makefile("rb")

    def ask(self, *words: str | bytes | int) -> Reply:
        """Send one command and return its reply; raises ErrorReply."""
        reply = self.ask_all([words])[0]
        if isinstance(reply, ErrorReply):
            raise reply
        return reply

    def ask_all(self, commands: list[tuple[str | bytes | int, ...]]) -> list[Reply]:
        """Send commands one behind the other and return their replies, error replies among them."""
        self._socket.sendall(b"".join(_encode(words) for words in commands))
        return [self._read() for _ in commands]

    def _read(self) -> Reply:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the throwaway server went away")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ErrorReply(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
        return None if rest == b"-1" else [self._read() for _ in range(int(rest))]

    def info(self, section: str) -> dict[str, str]:
        """Return a section of INFO."""
        lines = self.ask("INFO", section).decode("utf-8", "replace").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def counts(self) -> dict[int, int]:
        """Return the number of keys of every database that has some."""
        space = self.info("keyspace")
        return {int(db[2:]): int(what.split(",")[0].split("=")[1]) for db, what in space.items()}

    def expiring(self) -> int:
        """Return how many keys of all databases have a time to live: those go by themselves."""
        return sum(int(what.split(",")[1].split("=")[1]) for what in self.info("keyspace").values())

    def scan(self, batch: int = 1000) -> Iterator[list[bytes]]:
        """Yield the selected database's keys in batches."""
        cursor = b"0"
        while True:
            cursor, found = self.ask("SCAN", cursor, "COUNT", batch)
            yield found
            if cursor == b"0":
                return

    def close(self) -> None:
        """Let go of the connection."""
        self._file.close()
        self._socket.close()


def _encode(words: tuple[str | bytes | int, ...]) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Server:
    """A redis-server on `folder` for the length of a `with`; `client` speaks to it once everything is loaded.

    It runs as `user` where we are root, listens on no port, has no password, saves nothing by itself, and is
    killed at the end, when we die, or after `timeout` seconds.
    """

    def __init__(
        self,
        folder: Path,
        user: str,
        *options: str,
        timeout: float = 600,
        programs: Programs | None = None,
    ) -> None:
        """Remember what to start; `options` are words of redis-server's command line."""
        self.folder, self.user, self.timeout = folder, user, timeout
        self._programs = programs or Programs()
        self._words = ["--port", "0", "--unixsocket", "s", "--unixsocketperm", "700", "--dir", "."]
        self._words += ["--save", "", "--daemonize", "no", "--databases", str(_DATABASES), "--logfile", "log"]
        self._words += ["--auto-aof-rewrite-percentage", "0", "--maxmemory", "0", "--appendfsync", "no"]
        self._words += ["--enable-debug-command", "local", "--aof-load-truncated", "no", *options]
        self._process: subprocess.Popen[bytes] | None = None
        self.client: Client

    def __enter__(self) -> Server:
        """Start it and wait until it has loaded its files; raises LoadFailed."""
        end = time.monotonic() + self.timeout
        lent = self._programs.lent
        self._process = subprocess.Popen(
            self._programs.server(self.folder, self._words),
            cwd=self.folder,
            stdin=subprocess.PIPE if lent else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_die_with_us,  # noqa: PLW1509 - this program has one thread
            **({} if lent else _as(self.user)),
        )
        try:
            self.client = self._ready(end)
        except BaseException:
            self._kill()
            raise
        return self

    def _ready(self, end: float) -> Client:
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                raise LoadFailed(self.last_words())
            # A server that meets damage while it loads goes away under our question; the loop sees it gone.
            with contextlib.suppress(FileNotFoundError, ConnectionError):
                client = Client(self.folder, self.timeout)
                if client.ask_all([("PING",)]) == [b"PONG"]:
                    return client
                client.close()
            # A pause between two looks, never in place of one.
            time.sleep(0.01)
        raise LoadFailed(f"it had not loaded its files after {self.timeout:g} seconds")

    def last_words(self) -> str:
        """Return the last line of its log that complains, or the last line."""
        try:
            lines = (self.folder / "log").read_bytes()[-20_000:].decode("utf-8", "replace").splitlines()
        except OSError:
            return "it did not start"
        loud = [line for line in lines if " # " in line and "WARNING" not in line]
        return (loud or lines or ["it said nothing"])[-1].split(" # ")[-1].strip()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it at once: what it holds is either rewritten and on disk, or of no use."""
        self.client.close()
        self._kill()

    def _kill(self) -> None:
        if self._process is None:
            return
        if self._process.stdin is not None:
            # A container ends by its standard input: killed, its docker command would leave it running.
            self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
        self._process.kill()
        self._process.wait()


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _as(user: str) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    uid, gid = ids(user)
    return {"user": uid, "group": gid, "extra_groups": []}


def own(path: Path, user: str) -> None:
    """Give `path` and everything below it to `user`, where we may."""
    if os.geteuid() != 0:
        return
    uid, gid = ids(user)
    os.chown(path, uid, gid)
    for each in path.rglob("*"):
        os.lchown(each, uid, gid)


@contextlib.contextmanager
def folder_for(path: Path, user: str) -> Iterator[Path]:
    """Make an empty folder of `user`'s for a `with`; it is removed at the end."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(0o700)
    own(path, user)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def end_with_grace(within: float) -> None:
    """Make a signal that ends us raise instead, so that every server and folder is put away; `within` seconds
    from now one comes by itself."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, leave)
    signal.alarm(max(1, int(within)))
