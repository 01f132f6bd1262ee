"""The road over SSH: one Fabric connection a host, kept open, that knows a frozen host from a slow one."""

from __future__ import annotations

import shlex
from pathlib import Path

import agent.transport.ssh_fabric  # noqa: F401 - before whatever imports paramiko
from agent.errors import DrillyardError, LoginRefused, Unreachable
from agent.inventory.model import Host
from agent.transport.greeting import greeted
from agent.transport.order import Ended, Gone, Job, Me, Order, Overdue, script
from agent.transport.output import Kept, Sink
from agent.transport.shell import ShellRoad
from agent.transport.ssh_hand import Hand, fits
from agent.transport.ssh_line import Line, Patience
from agent.transport.ssh_login import log_in
from agent.transport.ssh_session import carry
from agent.transport.ssh_talk import Behind, marked


class SshRoad(ShellRoad):
    """Commands run by the host's sshd, each in a session channel of one connection."""

    def __init__(self, to: Host, spill: Path | None = None, patience: Patience | None = None) -> None:
        """`patience` is how long to wait for what; the defaults suit a network, not a test."""
        super().__init__(to, spill)
        self._patience = patience or Patience()
        self._line: Line | None = None
        self._ending = False

    def close(self) -> None:
        """Let go of the connection; never raises."""
        line, self._line, self._me = self._line, None, None
        if line is not None:
            line.close()

    def _connect(self) -> Me:
        self.close()
        line = log_in(self._to, self._patience)
        out, err = Kept(10_000), Kept(10_000)
        hello = ("sh", "-c", script("hello"))
        try:
            hand = _hand(line)
        except Gone as gone:
            line.close()
            raise Unreachable(f"{self.host}: {gone.reason} right after the login.") from None
        try:
            hand.carry(Order(hello, "hello", seconds=30.0, text=script("hello")), hello, (out.feed, err.feed))
        except (Gone, Overdue) as error:
            # What takes the place of a shell may have ended before it could be asked anything.
            if isinstance(error, Gone) and not line.alive:
                line.close()
                raise Unreachable(f"{self.host}: {error.reason} right after the login.") from None
        me = greeted(out.close())
        if me is None:
            line.close()
            why = err.close().decode("utf-8", "replace").strip() or "no answer"
            raise LoginRefused(
                f"{self.host}: the login as {line.user} works, but no shell answers: {why}",
                do=f"Give {line.user} a POSIX shell on {self.host}, and no forced command.",
            )
        if not me.limits:
            line.drop_hand()
        self._line = line
        return me

    def _carry(self, order: Order, argv: tuple[str, ...], out: Sink, err: Sink) -> Ended:
        line = self._living()
        try:
            if self._arrive().limits and fits(order):
                return _hand(line).carry(order, argv, (out, err))
            return _alone(line, order, argv, (out, err))
        except Overdue:
            # By its shell it is found and ended; that is let go of behind it (_late).
            raise
        except BaseException:
            # What its last command left unsaid must not be taken for the next one's.
            line.drop_hand()
            raise

    def _late(self, order: Order, late: Overdue, changes: str, job: Job | None) -> Exception:
        try:
            return super()._late(order, late, changes, job)
        finally:
            if self._line is not None:
                self._line.drop_hand()

    def _end_rest(self, order: Order) -> bool:
        # sshd passes on no signal to a root login's commands, nor we ours to those of sudo: kill them from
        # beside, through a second session of the same connection.
        if self._ending:
            return False  # not even that ends in its time
        self._ending = True
        out = Kept(1_000)
        argv = ("sh", "-c", script("siblings"))
        try:
            self._send(Order(argv, "find what is left", seconds=10), out.feed, Kept(1_000))
            sessions = out.close().decode().split()
            return bool(sessions) and all(self._kill(session, order.user) for session in sessions)
        except DrillyardError:
            return False
        finally:
            self._ending = False

    def _living(self) -> Line:
        """Return the line, opened again where it died between two asks: nothing was in flight then."""
        line = self._line
        if line is not None and not line.alive:
            self.close()
        self._arrive()
        if self._line is None:
            raise AssertionError("an arrived road has a line")
        return self._line


def _alone(line: Line, order: Order, argv: tuple[str, ...], sinks: tuple[Sink, Sink]) -> Ended:
    """Run a command in a session of its own; what its login shell says by itself is nobody's."""
    if not line.talks:
        return carry(line, f"exec {shlex.join(argv)}", order, sinks)
    mark, argv = marked(argv)
    out, err = (Behind(mark, sink) for sink in sinks)
    try:
        return carry(line, f"exec {shlex.join(argv)}", order, (out.feed, err.feed))
    finally:
        out.close()
        err.close()


def _hand(line: Line) -> Hand:
    hand = line.hand
    if not isinstance(hand, Hand) or not hand.alive:
        line.drop_hand()
        line.hand = hand = Hand(line)
    return hand


__all__ = ["Patience", "SshRoad"]
