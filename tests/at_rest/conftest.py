"""A RefServer's data folder as the inventory's service, with a clock that the test sets."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.backup import actions
from agent.backup.model import Backup, Depth
from agent.inventory.model import Host, Service
from agent.systems import refserver
from agent.systems.refserver import Refserver
from agent.transport.ask import Action, Clock
from agent.transport.local import LocalRoad
from agent.transport.perform import perform
from tests.at_rest.library import Library

T = TypeVar("T")


class Shelf:
    """The library, the service it is, and a road to it; `now` is what its host's clock says."""

    def __init__(self, folder: Path, *, anew: bool = True) -> None:
        self.folder = folder
        self.library = Library(folder / "data", anew=anew)
        self.backups = folder / "data/backups"
        settings: dict[str, Any] = {"data_dir": str(folder / "data"), "backup_dir": str(self.backups)}
        settings |= {"owner": "", "python": sys.executable, "chroma_python": [], "pause": 60}
        self.service = Service("refserver", "here", "systemd", "refserver", settings)
        self.road = LocalRoad(Host(name="here", road="local", state_dir=str(folder / "state")))
        self.now = time.time() - 3 * 86400

    def do(self, action: Action[T]) -> T:
        """Have it done, its clock being the test's."""
        return perform(self._clocked(action), self.road)

    def _clocked(self, action: Action[T]) -> Generator[Any, Any, T]:
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                ask = action.throw(error) if error else action.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            answer, error = None, None
            if isinstance(ask, Clock):
                answer = self.now
                continue
            try:
                answer = yield ask
            except Exception as raised:  # noqa: BLE001 - the action decides what it means
                error = raised

    def take(self, kind: str = "daily", depth: Depth | None = "restored") -> Backup:
        """Take one, an hour after the last one."""
        self.now += 3600
        return self.do(actions.take(self.service, depth, kind))


def restore(shelf: Shelf, backup: Backup, elements: tuple[str, ...] = ()) -> refserver.Restored:
    """Put it back."""
    return shelf.do(refserver.restore(Refserver.of(shelf.service), backup, elements))


def manifest(shelf: Shelf, backup: Backup) -> Any:
    """Return what it says of itself."""
    return json.loads((shelf.backups / f"metadata/{backup.id}.json").read_bytes())


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """With thirty documents."""
    found = Shelf(tmp_path)
    found.library.fill(30)
    return found
