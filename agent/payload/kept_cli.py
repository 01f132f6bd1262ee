"""One redis-cli kept open and fed commands: whatever way it has to the server, so have we.

Its formatted output quotes what is no plain text, and its input understands the same quotes, so that keys of
any bytes come and go unharmed. After each command it is made to say a word of ours, by which the end of a
reply of any length is known.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from types import TracebackType

_END = b"drillyard-end-of-reply"


class CliFailed(Exception):
    """redis-cli went away, or the server answered with an error; its words are the message."""


class KeptCli:
    """A redis-cli for the length of a `with`; `words` is its command line."""

    def __init__(self, words: Sequence[str], db: int = 0) -> None:
        """Nothing is started yet."""
        self._words = [*words, "--no-raw", *(("-n", str(db)) if db else ())]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> KeptCli:
        """Start it."""
        self._process = subprocess.Popen(
            self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        return self

    def ask(self, command: bytes) -> list[bytes]:
        """Send one line and return the lines of its reply.

        Raises:
            CliFailed: the reply is an error, or there is none.
        """
        reply = self.try_ask(command)
        if reply and reply[0].startswith(b"(error)"):
            raise CliFailed(reply[0].decode("utf-8", "replace").removeprefix("(error) "))
        return reply

    def try_ask(self, command: bytes) -> list[bytes]:
        """Do the same, an error among the replies; raises CliFailed where there is none."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(b"%s\nECHO %s\n" % (command, _END))
            process.stdin.flush()
        except BrokenPipeError:
            raise CliFailed(self._last_words()) from None
        reply: list[bytes] = []
        while True:
            line = process.stdout.readline()
            if not line:
                raise CliFailed(self._last_words())
            # Between two commands redis-cli leaves an empty line where it had to connect anew.
            if line.strip() == b'"%s"' % _END:
                return reply
            if line.startswith((b"(error) NOAUTH", b"(error) WRONGPASS")):
                raise CliFailed(line.decode("utf-8", "replace").strip().removeprefix("(error) "))
            reply.append(line.rstrip(b"\n"))

    def _last_words(self) -> str:
        assert self._process is not None
        assert self._process.stderr is not None
        self._process.kill()
        said = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        return said[-1] if said else "redis-cli went away without a word"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        process = self._process
        if process is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None and not stream.closed:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
            process.kill()
            process.wait()


def databases(cli: KeptCli) -> dict[int, int]:
    """Return how many keys each database holds, of those that hold some; raises CliFailed like `ask`."""
    lines = [line.strip() for line in cli.ask(b"INFO keyspace") if line.startswith(b"db")]
    told = [line[2:].split(b":keys=") for line in lines if b":keys=" in line]
    return {int(db): int(rest.split(b",")[0]) for db, rest in told}


def quoted(word: bytes) -> bytes:
    """Return a word as redis-cli reads it, whatever its bytes are."""
    return b'"%s"' % b"".join(
        b"%c" % byte if 32 <= byte < 127 and byte not in b'"\\' else b"\\x%02x" % byte for byte in word
    )


def scanned(reply: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the cursor of a SCAN's reply and its keys, quoted as they came."""
    cursor = reply[0].split(b'"')[1]
    return cursor, [line[line.index(b'"') :] for line in reply[1:] if b'"' in line]


def number(reply: list[bytes]) -> int:
    """Return a reply that is a number; -1 where it is none."""
    words = reply[0].split() if reply else []
    return int(words[1]) if words[:1] == [b"(integer)"] else -1
