"""`do: backup.newest` and its like: the verbs of backups that pages and commands use."""

from __future__ import annotations

from agent.backup import catalog
from agent.backup import verify as proofs
from agent.backup.model import Backup, Depth
from agent.backup.take import take as take_one
from agent.inventory.model import Service
from agent.transport.ask import Action


def take(service: Service, depth: Depth | None = "restored") -> Action[Backup]:
    """Take a full backup of the running service, verified at once as deep as asked (None: not verified)."""
    backup = yield from take_one(service)
    return (yield from proofs.verify(service, backup.id, depth)) if depth else backup


def verify(service: Service, name: str = "", depth: Depth = "restored") -> Action[Backup]:
    """Verify the backup of that id, or the newest; its depth enters the history, or its fault."""
    return (yield from proofs.verify(service, name, depth))


def newest(service: Service, required: bool = True) -> Action[Backup | None]:
    """Return the newest verified backup whose bytes are still the same; None where there need not be one."""
    return (yield from proofs.newest(service, required))


def history(service: Service) -> Action[tuple[Backup, ...]]:
    """Return the backups of this service by its history, the newest first."""
    return (yield from catalog.read(service))
