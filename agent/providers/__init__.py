"""What lives behind somebody's API: one file or folder a provider, its program on a tools host.

In the inventory a service says `provider: atlas`. Its host is one that can reach the API: the controller
(`ansible_connection: local`) or a tools host. What makes something runs there once, as a job, and
settles by asking the provider first whether it is there already.

A moment is `SECS,INC` as in `agent.pitr`, or whole seconds since 1970 where a provider knows no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agent.transport.ask import Action

if TYPE_CHECKING:
    # Not for the program of the tools host, which would read an inventory's world for nothing.
    from agent.inventory.model import Service


@dataclass(frozen=True)
class Window:
    """Which moments can be restored, as seconds since 1970: any of `first`..`last`, and those of snapshots.

    `first` and `last` are None where the provider keeps no log to play on from a snapshot. `why` says what
    limits it, in a sentence.
    """

    first: float | None
    last: float | None
    snapshots: tuple[float, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Spare:
    """The server to restore into: its name, whether we made it, and where it is.

    `address` is how it is reached, without user and password; `busy` says that something is going on with it,
    such as a restore; `remarks` are sentences on how it differs from what the inventory asks for.
    """

    name: str
    created: bool = False
    address: str = ""
    region: str = ""
    busy: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restore:
    """A restore that was carried out: the provider's name of the job, its moment, target and time in seconds.

    `adopted` says that it was found begun already, by us before an interruption or by somebody else.
    """

    job: str
    at: str
    into: str
    seconds: float
    adopted: bool = False


@dataclass(frozen=True)
class Removed:
    """An old cluster that is being deleted: its name, and how many hours ago it was restored elsewhere.

    `ours` says that nobody but us can end it: it is free to be stopped.
    """

    name: str
    hours: float
    ours: bool = False


class PointInTime(Protocol):
    """What a provider offers that can bring MongoDB back to a moment: its module has these actions."""

    def window(self, service: Service) -> Action[Window]:
        """Ask which moments can be restored."""

    def provision(self, service: Service, within: float) -> Action[Spare]:
        """See that the spare cluster is there and ready, and make it where it is not."""

    def restore(self, service: Service, at: str, within: float) -> Action[Restore]:
        """Restore a moment ("latest" = the newest, "snapshot" = the newest snapshot) into the spare.

        The provider empties the spare first.

        Raises:
            NoBackup: that moment cannot be restored; the sentence names the nearest that can.
            StepFailed: the restore failed, was cancelled or expired.
            NotInTime: it was not over after `within` seconds; resumed, the run goes on waiting for it.
        """

    def connect(self, service: Service) -> Action[Spare]:
        """Write how the spare is reached into the files that `spare_uri` and `spare_app_uri` refer to."""

    def leads_there(self, service: Service) -> Action[bool]:
        """Ask whether `spare_uri` leads to the spare already."""

    def reached(self, service: Service, old: str) -> Action[str]:
        """Ask where the cluster `old` is reached, without a login; "" where it is gone or going."""

    def remove_old(self, service: Service, old: str, after: float) -> Action[Removed]:
        """Delete the cluster `old`; refused while the restore from it is younger than `after` seconds."""
