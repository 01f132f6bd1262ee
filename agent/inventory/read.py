"""An inventory as a team has it, read into frozen hosts."""

from __future__ import annotations

import re
from pathlib import Path

from agent.errors import BadInventory
from agent.inventory.draft import Draft
from agent.inventory.hosts import host_of
from agent.inventory.ini_layout import read_ini
from agent.inventory.json_layout import is_listing, read_listing
from agent.inventory.model import Inventory
from agent.inventory.precedence import layers_by_host
from agent.inventory.script import is_program, read_program
from agent.inventory.sources import read_source
from agent.inventory.vars_files import VarsFiles
from agent.inventory.yaml_layout import read_yaml

_YAML = (".yml", ".yaml", ".json")
_VARIABLES = ("group_vars", "host_vars", "vars_plugins")
_USUAL = ("hosts", "inventory")
_FIRST = re.compile(r"---(\s|$)|%YAML|[{]|\$ANSIBLE_VAULT|[^\s=\[]+:(\s|$)|[\"'][^\"']+[\"']\s*:(\s|$)")
_NOT_SOURCES = (
    ".pyc",
    ".swp",
    ".bak",
    ".rpm",
    ".md",
    ".txt",
    ".rst",
    ".orig",
    ".cfg",
    ".retry",
    ".pub",
    ".key",
)


def read_inventory(*sources: Path) -> Inventory:
    """Return the inventory that lies in `sources`, later ones winning over earlier ones.

    A source is a file in Ansible's YAML or INI layout, the JSON of `ansible-inventory --list`, a program that
    prints such JSON, or a folder of these; group_vars/ and host_vars/ lie beside the file or in the folder.
    No secret is resolved, but a file that Ansible Vault encrypted as a whole is opened.

    Raises:
        BadInventory: it cannot be used; the sentence names file and line.
    """
    if not sources:
        raise BadInventory("Expected an inventory, found none.", do="Name one with --inventory PATH.")
    draft = Draft()
    for source in sources:
        _read_source(Path(source), draft)
    if not draft.hosts:
        listed = ", ".join(map(str, sources))
        raise BadInventory(
            f"{listed}: expected at least one host, found none.", do="Add it below all: hosts:."
        )
    bases = [Path(each) if Path(each).is_dir() else Path(each).parent for each in sources]
    layers = layers_by_host(draft, VarsFiles(bases))
    members = {name: hosts for name, hosts in draft.members().items() if hosts or name != "ungrouped"}
    groups_of: dict[str, list[str]] = {}
    for name, inside in members.items():
        for host in inside:
            groups_of.setdefault(host, []).append(name)
    hosts = {name: host_of(each, tuple(groups_of[name]), layers[name]) for name, each in draft.hosts.items()}
    children = {name: tuple(group.children) for name, group in draft.groups.items() if group.children}
    return Inventory(hosts, members, bases[0], children)


def _read_source(source: Path, draft: Draft) -> None:
    if not source.exists():
        raise BadInventory(f"{source}: expected an inventory, found no such file or folder.")
    for path in _files(source):
        if is_program(path):
            read_program(path, draft)
        elif path.suffix in _YAML or (not path.suffix and _begins_as_yaml(path)):
            document = read_source(path)
            # In YAML a list of hosts is a mistake; in JSON it is how Ansible prints an inventory.
            listing = path.suffix in ("", ".json") and is_listing(document)
            (read_listing if listing else read_yaml)(document, draft)
        else:
            read_ini(path, draft)


def _begins_as_yaml(path: Path) -> bool:
    """Whether a file without an ending is YAML or JSON: its first line says so, as no line of INI does."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = (line.strip() for line in file)
            first = next((line for line in lines if line and line[0] not in "#;"), "")
    except (OSError, UnicodeDecodeError):
        # Whoever reads it whole says what is wrong.
        return False
    return bool(_FIRST.match(first))


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found: list[Path] = []
    for path in sorted(source.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~") or path.suffix in _NOT_SOURCES:
            continue
        if path.is_file():
            found.append(path)
        elif path.is_dir() and path.name not in _VARIABLES:
            _refuse_below(source, path)
    return found


def _refuse_below(source: Path, folder: Path) -> None:
    """Refuse to pass over an inventory in a folder of a folder, which Ansible reads and we do not.

    What lies there may as well be secrets, which read as INI were hosts.
    """
    for path in sorted(folder.iterdir()):
        if path.is_file() and (path.stem in _USUAL or path.suffix == ".ini"):
            raise BadInventory(
                f"{path}: an inventory in a folder of the one that was named, {source}, is not read with it.",
                do=f"Name each folder that is meant: -i {folder}, and -i once more for another one.",
            )
