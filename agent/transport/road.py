"""A road to a host: what ssh, local, docker exec and the fake have in common."""

from __future__ import annotations

from typing import Protocol

from agent.transport.ask import Done, Get, Put, Sh


class Road(Protocol):
    """One kept-open way to one host. Every road passes the same conformance suite.

    A road is used by one thread at a time. It opens at the first ask, or at `open`.
    """

    host: str

    def open(self) -> None:
        """Connect, or do nothing where the road is open.

        Raises:
            Unreachable, HostKeyRefused, LoginRefused: with address and what to do.
        """

    def run(self, ask: Sh, *, job: str = "") -> Done:
        """Run `ask` and return how it ended, whatever its exit code.

        With `job` (a name unique to this ask of this run) the command runs as a job on the host:
        asked again under the same name it is not run a second time; the road waits for the first one, or
        returns its kept outcome.

        Raises:
            TimedOut: it did not end in `ask.timeout` seconds; its process group has been ended.
            SudoRefused: the host did not let us act as that user.
            ContactLost: the connection went away; whether the command ran is unknown.
        """

    def put(self, ask: Put) -> None:
        """Write the file, whole or not at all."""

    def get(self, ask: Get) -> bytes:
        """Return the file's bytes."""

    def clock(self) -> float:
        """Return the host's time in seconds since 1970, UTC."""

    def pause(self, seconds: float) -> None:
        """Let time pass between two looks at an awaited state; the fake road only counts it."""

    def forget(self, run: str) -> None:
        """Remove the files of a run's jobs once it is over; never raises."""

    def close(self) -> None:
        """Let go of the connection; never raises."""
