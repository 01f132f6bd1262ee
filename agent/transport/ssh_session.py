"""One command in one session channel: its input, both outputs, its exit code, and how it can go wrong."""

from __future__ import annotations

import contextlib
import threading
import time

import paramiko

from agent.transport.order import Ended, Gone, Order, Overdue
from agent.transport.output import Sink
from agent.transport.ssh_line import Bell, Line, Spare
from agent.transport.ssh_turn import Turn

CHUNK = 256 * 1024
AT_ONCE = 16 * 1024
"""Bytes of input that even a frozen host's socket takes without holding us up."""


def carry(line: Line, command: str, order: Order, sinks: tuple[Sink, Sink]) -> Ended:
    """Run `command` and feed its outputs to `sinks` as they come.

    Raises:
        Gone: the connection went away, or the host stopped answering.
        Overdue: the command overstayed although the host should have ended it.
    """
    started = time.monotonic()
    channel = next_session(line)
    bell, turn = Bell(), Turn(channel)
    channel.status_event = bell
    channel.in_buffer.set_event(bell)
    channel.in_stderr_buffer.set_event(bell)
    try:
        line.begin(channel, command)
        line.spare = Spare(line)
        _give(turn, channel, order.stdin)
        end = started + order.seconds + line.patience.grace
        if not _attend(line, channel, bell, (sinks, end)):
            raise Overdue(ended=_end(line, channel, bell))
        if channel.exit_status < 0:
            raise Gone("the connection broke" if not line.alive else "the host closed the session")
        return Ended(channel.exit_status, time.monotonic() - started)
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise Gone(f"the connection broke ({error or type(error).__name__})") from None
    finally:
        turn.close(lambda: shut(channel))


def next_session(line: Line) -> paramiko.Channel:
    """Return the spare session channel, or open one.

    Raises:
        Gone: the host does not open one; nothing has been asked of it.
    """
    spare, line.spare = line.spare, None
    return (spare.take() if spare is not None else None) or open_session(line)


def open_session(line: Line) -> paramiko.Channel:
    """Open a session channel.

    Raises:
        Gone: the host does not open one; nothing has been asked of it.
    """
    end = time.monotonic() + line.patience.drain
    while True:
        try:
            return line.transport.open_session(timeout=line.patience.lost)
        except paramiko.ChannelException as error:
            # Where only one is allowed, sshd may not have cleared the one before away yet.
            line.drop_hand()
            if time.monotonic() > end:
                raise Gone(f"the host opens no further session ({error.text})", begun=False) from None
            time.sleep(0.01)
        except (OSError, EOFError, paramiko.SSHException) as error:
            line.close()
            raise Gone(f"the connection broke ({error or type(error).__name__})", begun=False) from None


def shut(channel: paramiko.Channel) -> None:
    """Close a session channel; never raises."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()


def _give(turn: Turn, channel: paramiko.Channel, stdin: bytes) -> None:
    """Write the command's input and end it; more than the host takes at once, from a thread of its own."""
    if len(stdin) > min(channel.out_window_size, AT_ONCE):
        threading.Thread(target=turn.write, args=(stdin,), daemon=True).start()
        return
    turn.write(stdin)


def _attend(
    line: Line, channel: paramiko.Channel, bell: Bell, until: tuple[tuple[Sink, Sink], float]
) -> bool:
    """Hear the command out until its exit code came and its outputs ended; False where it is past its end."""
    (out, err), end = until
    quiet = 0.0
    while True:
        bell.rest()
        exited = channel.exit_status >= 0
        if exited and not quiet:
            quiet = time.monotonic()
        closed = channel.closed or (exited and channel.eof_received)
        moved = _drain(channel, out, err)
        if closed and not moved:
            return True
        now = time.monotonic()
        if now > end:
            return exited
        if moved:
            quiet = 0.0
            continue
        if exited and now - quiet >= line.patience.drain:
            return True
        line.watch()
        bell.wait(line.patience.drain if exited else min(1.0, line.patience.ping, max(end - now, 0.01)))


def _drain(channel: paramiko.Channel, out: Sink, err: Sink) -> bool:
    moved = False
    if channel.recv_ready():
        out(channel.recv(CHUNK))
        moved = True
    if channel.recv_stderr_ready():
        err(channel.recv_stderr(CHUNK))
        moved = True
    return moved


def _end(line: Line, channel: paramiko.Channel, bell: Bell) -> bool:
    """Kill the process group of a command that overstayed; say whether it is known to have ended."""
    line.signal(channel, "KILL")
    end = time.monotonic() + min(2.0, line.patience.grace)
    while time.monotonic() < end and channel.exit_status < 0 and line.alive:
        bell.rest()
        bell.wait(0.2)
    return channel.exit_status >= 0
