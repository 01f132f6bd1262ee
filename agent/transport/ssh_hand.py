"""One shell kept open on a host: a command given to it costs no session and no login shell of its own.

The shell reads command lines from us. Behind each we have it print a mark that no command can know, with
the exit code, at the end of either output; what stands before the mark is the command's own.
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Callable

import paramiko

from agent.transport.order import Ended, Gone, Order, Overdue
from agent.transport.output import Sink
from agent.transport.ssh_line import Bell, Line
from agent.transport.ssh_session import AT_ONCE, CHUNK, next_session, shut
from agent.transport.ssh_talk import Behind

# The shell's own words ("Killed") go nowhere; commands complain to 3. Where setsid is missing a job shares
# the shell's session.
_BEGIN = "exec 3>&2 2>/dev/null; apart=setsid; command -v setsid >/dev/null || apart=\n"


def fits(order: Order) -> bool:
    """Whether a command may share a shell: it has no input, is short, and leaves nothing behind.

    What it left in the background would go on writing into the outputs of the commands after it. A job's
    outputs go to files, so a job may leave what it likes.
    """
    if order.stdin or not order.shares or sum(map(len, order.argv)) > AT_ONCE // 2:
        return False
    return order.apart or not any(_BACKGROUND.search(word) for word in order.argv)


_BACKGROUND = re.compile(r"(?<![&>])&(?![&>])|nohup|setsid|disown|coproc")


class Hand:
    """The shell, in a session channel of its own."""

    def __init__(self, line: Line) -> None:
        """Open it; raises Gone where the host gives no session."""
        self._line = line
        self._channel = next_session(line)
        self._bell = Bell()
        self._channel.status_event = self._bell
        self._channel.in_buffer.set_event(self._bell)
        self._channel.in_stderr_buffer.set_event(self._bell)
        self._secret = secrets.token_hex(8)
        self._asked = 0
        line.begin(self._channel, "exec sh")

    @property
    def alive(self) -> bool:
        """Whether the shell still stood when we last heard of it."""
        return not self._ended

    @property
    def _ended(self) -> bool:
        channel = self._channel
        return bool(channel.closed or channel.eof_received or channel.exit_status >= 0)

    def close(self) -> None:
        """Let go of the shell; it ends when its command does."""
        shut(self._channel)

    def carry(self, order: Order, argv: tuple[str, ...], sinks: tuple[Sink, Sink]) -> Ended:
        """Run a command that fits, and feed its outputs to `sinks` as they come.

        One with a `text` runs in a fork of this shell, which costs the host a third of a program that keeps
        the limit and a shell below it. Its limit is then kept from here.

        Raises:
            Gone: the connection or the shell went away, or the host stopped answering.
            Overdue: the command overstayed although the host should have ended it.
        """
        if not self._asked:
            return self._first(order, argv, sinks)
        return self._carry(order, argv, sinks)

    def _first(self, order: Order, argv: tuple[str, ...], sinks: tuple[Sink, Sink]) -> Ended:
        """Carry the first command; before it stands what the login shell said when it began this one."""
        mark = f"\x1e{self._secret}.0"
        out, err = (Behind(mark, sink) for sink in sinks)
        begin = f"{_BEGIN}printf '%s\\n' '{mark}'; printf '%s\\n' '{mark}' >&3\n"
        try:
            return self._carry(order, argv, (out.feed, err.feed), begin.encode())
        finally:
            out.close()
            err.close()
            self._line.talks = self._line.talks or bool(out.dropped or err.dropped)

    def _carry(
        self, order: Order, argv: tuple[str, ...], sinks: tuple[Sink, Sink], begin: bytes = b""
    ) -> Ended:
        started = time.monotonic()
        self._asked += 1
        mark = f"\x1e{self._secret}.{self._asked} "
        out, err = Marked(mark, sinks[0]), Marked(mark, sinks[1])
        head = "exec $apart" if order.apart else "exec"
        if order.text:
            command, grace = (
                f"(eval {shlex.quote(order.text)}) </dev/null 2>&3 3>&-; ",
                self._line.patience.drain,
            )
        else:
            command, grace = f"({head} {shlex.join(argv)} </dev/null 2>&3 3>&-); ", self._line.patience.grace
        tell = f"c=$?; printf '%s%s\\n' '{mark}' $c; printf '%s%s\\n' '{mark}' $c >&3\n"
        try:
            self._say(begin + (command + tell).encode("utf-8", "surrogateescape"))
            self._attend(out, err, started + order.seconds + grace)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Gone(f"the connection broke ({error or type(error).__name__})") from None
        return Ended(int(out.said), time.monotonic() - started)

    def _say(self, line: bytes) -> None:
        """Send a line to the shell, and hear meanwhile whether the host still lives.

        sshd takes no input before it has begun the shell, and a host may freeze just then.
        """
        left = line
        self._channel.settimeout(min(1.0, self._line.patience.ping))
        while left:
            try:
                sent = self._channel.send(left)
            except TimeoutError:
                try:
                    self._line.watch()
                except Gone as gone:
                    raise Gone(gone.reason, begun=left != line) from None
                continue
            if not sent:
                raise Gone("the host closed the session", begun=left != line)
            left = left[sent:]

    def _attend(self, out: Marked, err: Marked, end: float) -> None:
        channel, line = self._channel, self._line
        while not (out.said and err.said):
            self._bell.rest()
            ended = self._ended
            moved = False
            if channel.recv_ready():
                out.feed(channel.recv(CHUNK))
                moved = True
            if channel.recv_stderr_ready():
                err.feed(channel.recv_stderr(CHUNK))
                moved = True
            if moved:
                continue
            if ended:
                raise Gone("the connection broke" if not line.alive else "the host closed the session")
            now = time.monotonic()
            if now > end:
                raise Overdue(ended=False)
            line.watch()
            self._bell.wait(min(1.0, line.patience.ping, max(end - now, 0.01)))


class Marked:
    """An output up to its mark; `said` is what stands behind the mark on its line, or empty so far."""

    def __init__(self, mark: str, sink: Callable[[bytes], None]) -> None:
        self._mark = mark.encode()
        self._sink = sink
        self._held = b""
        self.said = ""

    def feed(self, data: bytes) -> None:
        """Take what came; pass on all that cannot be part of the mark."""
        data = self._held + data
        found = data.find(self._mark)
        if found < 0:
            # Only from its first byte on could the end of it be the beginning of the mark.
            held = data.rfind(self._mark[:1], max(0, len(data) - len(self._mark) + 1))
            cut = len(data) if held < 0 else held
            self._pass(data[:cut])
            self._held = data[cut:]
            return
        self._pass(data[:found])
        self._held = data[found:]
        if self._held.endswith(b"\n"):
            self.said = self._held[len(self._mark) :].decode("ascii").strip()

    def _pass(self, data: bytes) -> None:
        if data:
            self._sink(data)
