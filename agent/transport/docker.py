"""The road into a container: `docker exec`, by the command line the operator has."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess

from agent.errors import Unreachable
from agent.transport.ask import Sh
from agent.transport.greeting import greeted
from agent.transport.order import Ended, Gone, Me, Order, script
from agent.transport.output import Kept, Sink
from agent.transport.pipes import run_piped
from agent.transport.shell import ShellRoad

_CLI = "docker"
_ENGINE_SAYS = (
    b"Error response from daemon",
    b"Cannot connect to the Docker daemon",
    b"error during connect",
)


class DockerRoad(ShellRoad):
    """Commands run in the container named by the host's address; another user needs no sudo there."""

    def close(self) -> None:
        """Nothing is held open."""

    def _connect(self) -> Me:
        out, err = Kept(10_000), Kept(10_000)
        order = Order(("sh", "-c", script("hello")), "hello", user=self._to.user, seconds=20.0)
        try:
            self._exec(order, out.feed, err.feed)
        except Gone as gone:
            raise Unreachable(f"{self.host}: {gone.reason}") from None
        me = greeted(out.close())
        if me is None:
            why = err.close().decode("utf-8", "replace").strip() or "no answer"
            raise Unreachable(
                f"{self.host}: no shell could be started in the container {self._container}: {why}",
                do=f"Look at `docker ps -a --filter name={self._container}`.",
            )
        return me

    @property
    def _container(self) -> str:
        return self._to.address or self._to.name

    def _carry(self, order: Order, argv: tuple[str, ...], out: Sink, err: Sink) -> Ended:
        del argv  # docker itself is told whom to be
        said = bytearray()

        def hear(data: bytes) -> None:
            said.extend(data[: max(1_000 - len(said), 0)])
            err(data)

        ended = self._exec(order, out, hear)
        if bytes(said).startswith(_ENGINE_SAYS):
            raise Gone(bytes(said).decode("utf-8", "replace").strip().splitlines()[0], begun=False)
        if ended.rc in (1, 125, 137, 255) and not self._runs():
            raise Gone(f"the container {self._container} stopped")
        return ended

    def _exec(self, order: Order, out: Sink, err: Sink) -> Ended:
        user = order.user or self._to.user
        argv = (
            _CLI,
            "exec",
            *(("-i",) if order.stdin else ()),
            *(("-u", user) if user else ()),
            self._container,
            *order.argv,
        )
        try:
            return run_piped(argv, order.stdin, order.seconds, (out, err), _kill_client)
        except OSError as error:
            raise Gone(f"the docker command could not be started: {error.strerror}", begun=False) from None

    def _runs(self) -> bool:
        argv = [_CLI, "inspect", "-f", "{{.State.Running}}", self._container]
        said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).stdout
        return said.strip() == b"true"

    def _needs_sudo(self, order: Order) -> bool:
        del order
        return False

    def _turned(self, user: str, ask: Sh, argv: tuple[str, ...]) -> tuple[str, ...]:
        del ask
        return ("su", "-m", "-s", "/bin/sh", user, "-c", f"exec {shlex.join(argv)}")


def _kill_client(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
