"""An inventory written in a line."""

from pathlib import Path

import pytest

from agent.inventory import Inventory, read_inventory


class Folder:
    """A folder for an inventory and what lies beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """Write a file, and the folders it lies in."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, text: str, name: str = "hosts.yml") -> Inventory:
        """Write an inventory and read it."""
        return read_inventory(self.write(name, text))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder."""
    return Folder(tmp_path)
