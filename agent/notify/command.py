"""A message to a command on this machine: a pager's client, or whatever a team has."""

from __future__ import annotations

import os
import signal
import subprocess

from msgspec import Struct

from agent.notify.message import Message


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The command as a list of words; no shell reads it."""

    run: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.run:
            raise ValueError("`run` should have the command's words, found none")


def send(settings: Settings, to: str, message: Message, within: float = 10.0) -> None:
    """Run the command with the message on its stdin, and whom it is for in $DRILLYARD_TO.

    Raises:
        OSError: it could not be started, ended with another code than 0, or not within so many seconds;
            then it is ended with all its children.
    """
    with subprocess.Popen(
        settings.run,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "DRILLYARD_TO": to, "DRILLYARD_SUBJECT": message.subject},
        start_new_session=True,
    ) as process:
        try:
            _, err = process.communicate(f"{message.subject}\n\n{message.text}\n".encode(), timeout=within)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise TimeoutError(f"{settings.run[0]} did not end in {within:g} s and was ended") from None
    if process.returncode:
        said = err.decode("utf-8", "replace").strip().splitlines() or ["(it said nothing)"]
        raise OSError(f"{settings.run[0]} ended with code {process.returncode}: {said[-1]}")
