"""One open SSH connection: when it was last heard, how a command died, and whether the host still answers."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import fabric
import paramiko
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_REQUEST,
    cMSG_CHANNEL_REQUEST,
    cMSG_GLOBAL_REQUEST,
)

from agent.transport.order import Gone
from agent.transport.ssh_turn import on_close

# What paramiko would otherwise print over the screen is in the errors we raise.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_AT_ONCE = 32 * 1024


@dataclass(frozen=True)
class Patience:
    """How long an SSH road waits, in seconds.

    `connect` for each of TCP, banner and login; `ping` of silence before the host is asked for a sign of
    life, `lost` before it is given up; `drain` of quiet after the exit code while a background child holds
    an output open; `grace` past a command's own limit, which the host should have kept.
    """

    connect: float = 10.0
    ping: float = 5.0
    lost: float = 15.0
    drain: float = 0.5
    grace: float = 10.0


class Heard:
    """A socket, or a channel through a gateway, that remembers when bytes last came out of it."""

    def __init__(self, sock: socket.socket | paramiko.Channel | paramiko.ProxyCommand) -> None:
        self._sock = sock
        self._left = b""
        self.at = time.monotonic()

    def recv(self, size: int) -> bytes:
        """Receive, and remember that the host lives.

        All that has come is taken at once: paramiko asks twice a packet, and each time would wait for a
        socket that is known to be full.
        """
        data = self._left
        if not data:
            data = self._sock.recv(max(size, _AT_ONCE))
            if data:
                self.at = time.monotonic()
                self._acknowledge()
        self._left = data[size:]
        return data[:size]

    def _acknowledge(self) -> None:
        """Acknowledge at once: the first answer after a login otherwise waits 40 ms.

        sshd has announced its host keys by then and its kernel holds the next small packet back until the
        announcement is acknowledged (Nagle), which ours delays. Linux forgets the option after a while.
        """
        if _QUICKACK is not None and isinstance(self._sock, socket.socket):
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _on_channel_request(channel: paramiko.Channel, message: paramiko.Message) -> None:
    if message.get_text() == "exit-signal":
        message.get_boolean()
        number = getattr(signal, f"SIG{message.get_text()}", signal.SIGKILL)
        channel.exit_status = 128 + number
        channel.status_event.set()
        return
    message.rewind()
    message.get_int()
    channel._handle_request(message)  # type: ignore[attr-defined]


class Transport(paramiko.Transport):
    """Paramiko's transport, which also hears by which signal a command died (it answers -1 alone).

    It would rather have AES-GCM, which needs no digest of its own: paramiko compares those byte by byte in
    Python, which was a tenth of what a run cost us.
    """

    _CLIENT_ID = "drillyard"
    _preferred_ciphers = tuple(
        sorted(paramiko.Transport._preferred_ciphers, key=lambda name: "gcm" not in name)  # type: ignore[attr-defined]
    )

    _channel_handler_table: ClassVar[dict[int, Callable[..., None]]] = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_REQUEST: _on_channel_request,
        MSG_CHANNEL_CLOSE: on_close,
    }


class Line:
    """A connection made by Fabric and the means to watch over it; used by one thread at a time.

    `talks` says that the login shell was heard to say something of its own before a command.
    """

    def __init__(self, connection: fabric.Connection, heard: Heard, patience: Patience) -> None:
        self._connection = connection
        self._heard = heard
        self._asked = 0.0
        self.patience = patience
        self.transport: paramiko.Transport = connection.transport
        self.user = str(connection.user)
        self.gateway: Line | None = None
        self.spare: Spare | None = None
        self.hand: Shell | None = None
        self.talks = False

    @property
    def alive(self) -> bool:
        """Whether the connection still stood when we last heard of it."""
        return self.transport.is_active()

    def watch(self) -> None:
        """Ask a silent host for a sign of life, and give it up where none comes.

        OpenSSH answers a global request with want-reply set; without it, as in paramiko's own keepalive,
        a frozen host is never noticed, since its kernel still acknowledges every packet.

        Raises:
            Gone: nothing was heard for `patience.lost` seconds although asked; the connection is closed.
        """
        now, heard = time.monotonic(), self._heard.at
        if now - heard < self.patience.ping:
            return
        if self._asked > heard:
            if now - self._asked >= self.patience.lost - self.patience.ping:
                self.close()
                raise Gone(f"the host gave no sign of life for {self.patience.lost:g} s")
            return
        self._asked = now
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self._send(message)

    def begin(self, channel: paramiko.Channel, command: str) -> None:
        """Ask for a command without waiting for the yes: a no closes the channel."""
        message = _request(channel, "exec", want_reply=True)
        message.add_string(command.encode("utf-8", "surrogateescape"))
        self._send(message)

    def signal(self, channel: paramiko.Channel, name: str) -> None:
        """Have sshd send a signal to the process group of a channel's command."""
        message = _request(channel, "signal", want_reply=False)
        message.add_string(name)
        self._send(message)

    def _send(self, message: paramiko.Message) -> None:
        # Not public in paramiko, whose own ways to send these wait for the answer without an end.
        self.transport._send_user_message(message)  # type: ignore[attr-defined]

    def drop_hand(self) -> None:
        """Let go of the kept shell, if there is one; never raises."""
        hand, self.hand = self.hand, None
        if hand is not None:
            hand.close()

    def close(self) -> None:
        """Let go of the connection; never raises, and never waits for a frozen host."""
        sock = self._heard
        try:
            self._connection.close()
            sock.close()
        except (OSError, EOFError, paramiko.SSHException):
            return  # it was gone already


class Shell(Protocol):
    """A shell kept open for commands to come."""

    def close(self) -> None:
        """Let go of it; never raises."""


class Spare:
    """The session channel for the next command, opened while this one runs: it saves a round trip a step."""

    def __init__(self, line: Line) -> None:
        """Begin to open it."""
        self._line = line
        self._channel: paramiko.Channel | None = None
        self._thread = threading.Thread(target=self._open, daemon=True)
        self._thread.start()

    def take(self) -> paramiko.Channel | None:
        """Return it, or None where the host did not give one."""
        self._thread.join()
        channel = self._channel
        return channel if channel is not None and not channel.closed else None

    def _open(self) -> None:
        # A host that allows one session at a time says no here, and yes when the one in use has ended.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._channel = self._line.transport.open_session(timeout=self._line.patience.lost)


def _request(channel: paramiko.Channel, kind: str, *, want_reply: bool) -> paramiko.Message:
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(kind)
    message.add_boolean(want_reply)
    return message


class Bell(threading.Event):
    """What paramiko sets when something happens on a channel, and never clears behind our back."""

    def __init__(self) -> None:
        super().__init__()

    def clear(self) -> None:
        """Nothing: only `rest` clears it, as two buffers and an exit code share the bell."""

    def rest(self) -> None:
        """Be ready to ring again."""
        super().clear()
