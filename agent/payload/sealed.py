"""A backup file sealed with age for those who hold a key, and opened again: `age -d -i KEY FILE | gunzip`.

The host's own `age` does it, so that a person does the same by hand. What is opened is a stream, of which
nothing lies in the clear. The key comes by the environment, as the text of an identity file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agent.payload.durable import Refuse

END = ".age"
_VARIABLE = "DRILLYARD_IDENTITY"
_OTHER_KEY = "no identity matched"


@contextmanager
def sealing(path: Path, to: Sequence[str]) -> Iterator[IO[bytes]]:
    """Open a new file to write to, sealed for the public keys `to` (none = in the clear), on the disk.

    Raises:
        Refuse: age is not there, or takes no such key.
    """
    with path.open("wb") as raw:
        if to:
            words = [_program(), *(word for key in to for word in ("-r", key))]
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=raw, stderr=subprocess.PIPE, env=_clean()
            )
            assert process.stdin is not None
            assert process.stderr is not None
            try:
                yield process.stdin
                process.stdin.close()
            except BrokenPipeError:
                pass
            finally:
                said = process.stderr.read().decode("utf-8", "replace") if process.stdin.closed else ""
                if not process.stdin.closed:
                    process.kill()
                    process.stderr.close()
                code = process.wait()
            if code:
                raise Refuse(f"expected age to seal {path.name}, found: {_said(said)}")
        else:
            yield raw
        raw.flush()
        os.fsync(raw.fileno())


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read, what is sealed being opened on the way; it need not be read to its end.

    Raises:
        Refuse: it is sealed for another key, or damaged, or no key was given.
    """
    if not path.name.endswith(END):
        with path.open("rb") as file:
            yield file
        return
    with _identity(path) as number:
        process = subprocess.Popen(
            [_program(), "-d", "-i", f"/dev/fd/{number}", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(number,),
            env=_clean(),
        )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        # Whoever reads a little of it sees why there is nothing to read.
        if not process.stdout.peek(1):  # type: ignore[attr-defined]
            _ended(process, path)
        yield process.stdout
        if not process.stdout.read(1):
            _ended(process, path)
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()
        process.wait()


def _ended(process: subprocess.Popen[bytes], path: Path) -> None:
    assert process.stderr is not None
    said = process.stderr.read().decode("utf-8", "replace")
    if process.wait() == 0:
        return
    if _OTHER_KEY in said:
        raise Refuse(f"{path.name} is encrypted with another key than the one given")
    raise Refuse(f"{path.name} cannot be decrypted: {_said(said)}")


@contextmanager
def _identity(path: Path) -> Iterator[int]:
    """Yield the number of a pipe that holds the key: it never lies in a file."""
    text = os.environ.get(_VARIABLE, "")
    if not text:
        raise Refuse(f"NO KEY: {path.name} is encrypted, and no identity was given to open it")
    reading, writing = os.pipe()
    try:
        # A pipe holds 64 KiB; a key is a line.
        os.write(writing, text.encode()[:60_000] + b"\n")
        os.close(writing)
        yield reading
    finally:
        os.close(reading)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != _VARIABLE}


def _program() -> str:
    found = shutil.which("age")
    if not found:
        raise Refuse("NO AGE: expected the program age on this host, found none: `apt-get install age`")
    return found


def _said(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].removeprefix("age: error: ")[:200] if lines else "it ended without a word"
