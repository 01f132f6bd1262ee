"""One host of a stack, through the engine: the drill's own way in, never the agent's SSH."""

from __future__ import annotations

import contextlib
import io
import shlex
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from agent.errors import NotInTime, StepFailed, TimedOut
from agent.transport.ask import Done

if TYPE_CHECKING:
    from docker.models.containers import Container

PAUSE = 0.03  # seconds between two looks at a condition
_pause = threading.Event()


class StackHost:
    """A container that is a small server."""

    def __init__(
        self,
        name: str,
        container: Container,
        ports: Mapping[int, int],
        units: tuple[str, ...] = (),
        lacks: Callable[[], str] = lambda: "",
    ) -> None:
        """`ports` maps container ports to ports of 127.0.0.1; `units` are the systemd units it serves by.

        `lacks` asks from outside what keeps it from serving, where it has no units.
        """
        self.name = name
        self._lacks = lacks
        self.container = container
        self.units = units
        self._ports = dict(ports)

    def port(self, container_port: int) -> int:
        """Return the port of 127.0.0.1 behind which this port of the host lies; restarts keep it.

        Raises:
            StepFailed: the compose file does not publish it.
        """
        try:
            return self._ports[container_port]
        except KeyError:
            published = ", ".join(map(str, sorted(self._ports))) or "none"
            raise StepFailed(
                f"{self.name}: port {container_port} is not published; its compose file has {published}."
            ) from None

    @property
    def published(self) -> tuple[int, ...]:
        """The container ports that can be reached from outside."""
        return tuple(self._ports)

    def exec(self, *argv: str, user: str = "root", stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> Done:
        """Run a command in the host and return how it ended.

        Raises:
            StepFailed: its code is not in `ok` (empty: any is fine), or the container does not run.
            TimedOut: it said nothing for the engine's 60 seconds.
        """
        from docker.errors import APIError

        began = time.monotonic()
        try:
            rc, out, err = self._exec(argv, user, stdin)
        except APIError as error:
            raise StepFailed(
                f"{self.name}: `{shlex.join(argv)}` did not start: {error.explanation}"
            ) from None
        # requests' ReadTimeout is an OSError, and so is the bare socket's.
        except OSError as error:
            raise TimedOut(f"{self.name}: `{shlex.join(argv)}` gave no answer: {error}") from None
        done = Done(rc, out, err, time.monotonic() - began)
        if ok and rc not in ok:
            raise StepFailed(f"{self.name}: `{shlex.join(argv)}` ended with code {rc}: {done.complaint}")
        return done

    def _exec(self, argv: tuple[str, ...], user: str, stdin: bytes) -> tuple[int, bytes, bytes]:
        api = self._api
        made = api.exec_create(self.container.id, list(argv), user=user, stdin=bool(stdin))["Id"]
        if stdin:
            out, err = _talk(api.exec_start(made, socket=True), stdin)
        else:
            out, err = api.exec_start(made, demux=True)
        # The engine closes the outputs a moment before it writes down how the command ended.
        while (rc := api.exec_inspect(made)["ExitCode"]) is None:
            _pause.wait(PAUSE)
        return int(rc), out or b"", err or b""

    @property
    def _api(self) -> Any:
        client = self.container.client
        assert client is not None
        return client.api

    @property
    def running(self) -> bool:
        """Whether the container runs at this moment."""
        self.container.reload()
        return bool(self.container.status == "running")

    def read(self, path: str) -> bytes:
        """Return a file's bytes, from a running host or one that is switched off."""
        return self.exec("cat", path).out if self.running else _unpack(self._archive(path))[1]

    def write(self, path: str, data: bytes) -> None:
        """Replace a file's content; owner and mode stay (a new one is root's, 0644)."""
        if self.running:
            self.exec("sh", "-c", 'cat >"$1"', "sh", path, stdin=data)
            return
        from docker.errors import NotFound

        try:
            info, _ = _unpack(self._archive(path))
        except NotFound:
            info = tarfile.TarInfo(PurePosixPath(path).name)
        info.size = len(data)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(info, io.BytesIO(data))
        self.container.put_archive(str(PurePosixPath(path).parent), packed.getvalue())

    def _archive(self, path: str) -> bytes:
        return b"".join(self.container.get_archive(path)[0])

    def power_off(self) -> tuple[float, float]:
        """Take the power away: every process is gone at once, nothing is shut down.

        Returns the monotonic times between which that was.
        """
        from docker.errors import APIError

        began = time.monotonic()
        try:
            self.container.kill()
        except APIError as error:
            if self.running:
                raise StepFailed(f"{self.name}: cannot be switched off: {error.explanation}") from None
        self.container.wait(timeout=60)
        return began, time.monotonic()

    def power_on(self, *, services: bool = True) -> float:
        """Start it again and return the seconds until it was ready (`services` as in `ready`)."""
        self.container.start()
        return self.ready(services=services)

    def ready(self, *, services: bool = True, within: float = 180.0) -> float:
        """Wait until sshd greets and, with `services`, it serves; return the seconds it took.

        Raises:
            NotInTime: with the last state seen.
        """
        began = time.monotonic()
        while waiting := self._not_ready(services):
            if time.monotonic() - began > within:
                raise NotInTime(f"{self.name} was not ready after {within:.0f} s: {waiting}.")
            _pause.wait(PAUSE)
        return time.monotonic() - began

    def _not_ready(self, services: bool) -> str:
        if not self.running:
            return f"its container is {self.container.status}; it last said: {self._last_words()}"
        if 22 in self._ports and not _greets(self._ports[22]):
            return "sshd does not greet"
        if services and self.units:
            states = self.exec("systemctl", "is-active", *self.units, ok=()).text.split()
            if states != ["active"] * len(self.units):
                return f"{' '.join(self.units)}: {' '.join(states) or 'no answer from systemd'}"
        return self._lacks() if services else ""

    def _last_words(self) -> str:
        return self.container.logs(tail=3).decode("utf-8", "replace").strip() or "(nothing)"


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sshd:
            return sshd.recv(4) == b"SSH-"
    except OSError:
        return False


def _talk(stream: Any, stdin: bytes) -> tuple[bytes, bytes]:
    """Write all of `stdin`, then read both outputs to their end."""
    from docker.utils import socket as docker_socket

    frames: Any = docker_socket.frames_iter

    raw = getattr(stream, "_sock", stream)
    outputs: dict[int, list[bytes]] = {1: [], 2: []}

    def write() -> None:
        # A command may end without having read everything; its exit code tells.
        with contextlib.suppress(OSError):
            raw.sendall(stdin)
            raw.shutdown(socket.SHUT_WR)

    # A command that answers while it still reads would block both sides if one thread did both.
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for kind, data in frames(stream, tty=False):
            outputs[2 if kind == docker_socket.STDERR else 1].append(data)
    finally:
        stream.close()
        writer.join(timeout=5)
    return b"".join(outputs[1]), b"".join(outputs[2])


def _unpack(archive: bytes) -> tuple[tarfile.TarInfo, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        info = tar.next()
        assert info is not None
        content = tar.extractfile(info)
        return info, content.read() if content else b""
