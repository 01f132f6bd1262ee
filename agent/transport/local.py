"""The road to this very machine: a child process, with the same promises as a host far away."""

from __future__ import annotations

import getpass
import os
import subprocess
from functools import cache
from pathlib import Path

from agent.errors import Unreachable
from agent.transport.order import Ended, Gone, Me, Order
from agent.transport.output import Sink
from agent.transport.pipes import kill_group, run_piped
from agent.transport.shell import ShellRoad


class LocalRoad(ShellRoad):
    """Commands run here, in sessions of their own, so that Ctrl-C in the terminal does not end them."""

    def close(self) -> None:
        """Nothing is held open."""

    def _connect(self) -> Me:
        return _me()

    def _carry(self, order: Order, argv: tuple[str, ...], out: Sink, err: Sink) -> Ended:
        try:
            return run_piped(argv, order.stdin, order.seconds, (out, err), kill_group)
        except OSError as error:
            raise Gone(f"{argv[0]} could not be started: {error.strerror}", begun=False) from None


@cache
def _me() -> Me:
    try:
        said = subprocess.run(["timeout", "--version"], capture_output=True, check=False).stdout
    except OSError:
        said = b""
    try:
        return Me(getpass.getuser(), os.geteuid(), str(Path.home()), b"coreutils" in said)
    except (KeyError, RuntimeError) as error:
        raise Unreachable(f"this machine does not know who we are: {error}") from None
