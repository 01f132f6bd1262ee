"""The variables in group_vars/ and host_vars/ beside an inventory."""

from __future__ import annotations

from pathlib import Path

from agent.inventory.draft import Layer, layer
from agent.inventory.sources import read_source

_ENDINGS = ("", ".yml", ".yaml", ".json")


class VarsFiles:
    """The two folders below each of `bases`, later bases winning; each file is read once, when asked for."""

    def __init__(self, bases: list[Path]) -> None:
        """Take the folders that hold the sources."""
        self._bases = list(dict.fromkeys(bases))

    def of_group(self, name: str) -> Layer:
        """Return what group_vars/ says of a group; raises BadInventory."""
        return self._read("group_vars", name)

    def of_host(self, name: str) -> Layer:
        """Return what host_vars/ says of a host; raises BadInventory."""
        return self._read("host_vars", name)

    def _read(self, folder: str, name: str) -> Layer:
        found: Layer = {}
        for base in self._bases:
            for path in _files(base / folder, name):
                found |= read_vars(path)
        return found


def read_vars(path: Path) -> Layer:
    """Return the variables of one file.

    Raises:
        BadInventory: it is not a mapping, not sound, or encrypted and no password opens it.
    """
    document = read_source(path)
    return layer(document, (), document.data)


def _files(folder: Path, name: str) -> list[Path]:
    """Return the files of one name: Ansible takes the first that exists of name, .yml, .yaml and .json."""
    for ending in _ENDINGS:
        path = folder / f"{name}{ending}"
        if path.is_dir():
            return _files_below(path)
        if path.is_file():
            return [path]
    return []


def _files_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir():
            found += _files_below(path)
        elif path.suffix in _ENDINGS:
            found.append(path)
    return found
