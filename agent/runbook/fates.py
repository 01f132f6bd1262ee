"""How each host of a run ended: done, failed, unreachable, unknown, stopped or skipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.errors import ContactLost, DrillyardError, Stopped, Unreachable

_KINDS = ((ContactLost, "unknown"), (Unreachable, "unreachable"), (Stopped, "stopped"))


class Fates:
    """Kept by a run as it goes.

    A host is *stopped* where the run ended before it was through with the page, by no fault of its own, and
    *skipped* where nothing was to be done on it. `halted` tells that nobody shall go on: a step failed
    somewhere whose failure is everybody's (`any_errors_fatal`).
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        """Nothing has happened to anybody yet."""
        self._hosts = tuple(hosts)
        self._fallen: dict[str, str] = {}
        self._worked: set[str] = set()
        self.halted = False

    def fell(self, host: str, error: DrillyardError) -> None:
        """A host takes no further part."""
        self._fallen[host] = next((word for kind, word in _KINDS if isinstance(error, kind)), "failed")

    def halt(self, hosts: Iterable[str]) -> None:
        """These end here, because another failed."""
        self.halted = True
        for host in hosts:
            self._fallen.setdefault(host, "stopped")

    def rescued(self, hosts: Iterable[str]) -> None:
        """These are back."""
        for host in hosts:
            self._fallen.pop(host, None)

    def worked(self, host: str) -> None:
        """A step was done there."""
        self._worked.add(host)

    def take_up(self, fates: Mapping[str, str]) -> None:
        """These had come about before an interruption."""
        self._fallen |= {host: fate for host, fate in fates.items() if fate not in ("done", "skipped")}
        self._worked |= {host for host, fate in fates.items() if fate == "done"}

    def at_the_end(self, *, early: bool) -> dict[str, str]:
        """Return each host's fate; `early` tells that the run did not come to the end of its page."""
        rest = "stopped" if early else "skipped"
        return {
            host: self._fallen.get(host) or ("done" if host in self._worked and not early else rest)
            for host in self._hosts
        }
