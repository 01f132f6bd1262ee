"""Whose turn it is to write into a session channel: a close waits until a writer of ours is through.

Paramiko answers the host's CLOSE from its own thread, even while a writer stands between preparing data or
an EOF and sending it. sshd then gets it for a channel that is gone ("ieof packet referred to nonexistent
channel") and ends the whole connection: 2 of 672 commands that ignore their input, on a busy machine.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable

import paramiko

_turns: weakref.WeakKeyDictionary[paramiko.Channel, Turn] = weakref.WeakKeyDictionary()


class Turn:
    """The one writer of a channel, and the close that may have to wait for it."""

    def __init__(self, channel: paramiko.Channel) -> None:
        """Closes of this channel that come from the host wait for `write` from now on."""
        self._channel = channel
        self._lock = threading.Lock()
        self._writing = False
        self._over = False
        self._owed: Callable[[], None] | None = None
        _turns[channel] = self

    def write(self, stdin: bytes) -> None:
        """Write all of `stdin` and end it, as far as the host wants it; then do a close that came meanwhile.

        A command that does not read all of its input says with its exit code what it thinks of it, and a
        broken connection is seen by who waits for that code: neither is an error here.
        """
        with self._lock:
            if self._over:
                return
            self._writing = True
        try:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                sent = 0
                while sent < len(stdin):
                    taken = self._channel.send(stdin[sent : sent + 64 * 1024])
                    if not taken:
                        return
                    sent += taken
                self._channel.shutdown_write()
        finally:
            with self._lock:
                self._writing = False
                owed, self._owed = self._owed, None
            if owed is not None:
                owed()

    def close(self, closing: Callable[[], None]) -> None:
        """Do `closing` now, or have the writer do it once it is through; its wait for room ends here."""
        with self._lock:
            self._over = True
            if self._writing:
                self._owed = closing
                self._wake()
                return
        closing()

    def _wake(self) -> None:
        with self._channel.lock:
            self._channel.eof_sent = True
            self._channel.out_buffer_cv.notify_all()


def on_close(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """Answer the host's CLOSE in its turn; stands in paramiko's table of handlers.

    While keys are exchanged anew (every half gigabyte) nothing may be sent, and paramiko's thread, which
    would wait for that, is the one that exchanges them: then another one answers.
    """

    def now() -> None:
        channel._handle_close(message)  # type: ignore[attr-defined]

    def later() -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            now()

    def answer() -> None:
        transport = channel.get_transport()
        if transport.clear_to_send.is_set():
            now()
        else:
            threading.Thread(target=later, daemon=True).start()

    turn = _turns.get(channel)
    if turn is None:
        answer()
    else:
        turn.close(answer)
