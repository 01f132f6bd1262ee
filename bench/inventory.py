"""Does our reading of inventories equal ansible-core's? Every group, child and variable, counted.

    python bench/inventory.py [INVENTORY...]

ansible-core is installed into a throwaway venv under .cache/, never into ours. Ends with 1 where anything
differs that is not in DOCUMENTED.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.inventory import Inventory, read_inventory
from agent.secrets import Secret

HERE = Path(__file__).parent / "inventories"
VENV = Path(__file__).parents[1] / ".cache/ansible-venv"
CORE = "ansible-core>=2.19,<2.20"
_NONE = "nothing"
# (inventory, what) -> why: differences that are meant.
DOCUMENTED = {
    ("cluster", "stray.times"): "(22:30 is 1350 to YAML 1.1, and a time of day to everybody who writes it)",
}


def main() -> int:
    """Compare each inventory; print a line each and the sum."""
    oracle = _oracle()
    named = [Path(each).absolute() for each in sys.argv[1:]] or sorted(HERE.iterdir())
    equal = total = unexplained = 0
    for path in named:
        source = _source(path)
        theirs = _theirs(oracle, source)
        for form, inventory in (("as it is", read_inventory(source)), ("its --list", _again(oracle, source))):
            ours = _ours(inventory)
            keys = sorted({*theirs, *ours})
            differing = [key for key in keys if theirs.get(key, _NONE) != ours.get(key, _NONE)]
            print(f"{path.name:<12} {form:<10} {len(keys) - len(differing)}/{len(keys)} equal")
            for key in differing:
                why = DOCUMENTED.get((path.name, key), "")
                unexplained += not why
                print(f"  {key}: Ansible {theirs.get(key, _NONE)!r}, ours {ours.get(key, _NONE)!r} {why}")
            equal, total = equal + len(keys) - len(differing), total + len(keys)
    print(f"{equal}/{total} equal")
    return 1 if unexplained else 0


def _again(oracle: Path, source: Path) -> Inventory:
    """Return what we read out of Ansible's own listing of a source."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.json"
        path.write_text(_listed(oracle, source))
        return read_inventory(path)


def _oracle() -> Path:
    program = VENV / "bin/ansible-inventory"
    if not program.exists():
        venv.create(VENV, with_pip=True)
        subprocess.run([VENV / "bin/pip", "install", "--quiet", CORE], check=True)
    return program


def _source(path: Path) -> Path:
    """Return what stands for `-i`: the only file of an inventory's folder, else the folder."""
    files = [each for each in path.iterdir() if each.is_file()] if path.is_dir() else [path]
    return files[0] if len(files) == 1 else path


def _listed(oracle: Path, source: Path) -> str:
    # Its own settings, none of this machine's.
    config = VENV / "ansible.cfg"
    config.touch()
    env = {"PATH": os.environ["PATH"], "HOME": str(VENV), "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(config)}
    argv = [oracle, "-i", source, "--list"]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout


def _theirs(oracle: Path, source: Path) -> dict[str, Any]:
    data = json.loads(_listed(oracle, source))
    hostvars = data.pop("_meta")["hostvars"]
    groups: dict[str, set[str]] = {name: set(each.get("hosts", ())) for name, each in data.items()}
    children = {name: each["children"] for name, each in data.items() if each.get("children")}

    def members(name: str) -> set[str]:
        below = (members(child) for child in children.get(name, ()))
        return groups.get(name, set()).union(*below)

    facts = {f"group {name}": sorted(members(name)) for name in {*groups, *_values(children)}}
    facts |= {f"children of {name}": sorted(each) for name, each in children.items() if name != "all"}
    return _worth(facts) | {
        f"{host}.{name}": value for host, found in hostvars.items() for name, value in found.items()
    }


def _values(children: dict[str, list[str]]) -> set[str]:
    return {child for each in children.values() for child in each}


def _ours(inventory: Inventory) -> dict[str, Any]:
    facts: dict[str, Any] = {f"group {name}": sorted(each) for name, each in inventory.groups.items()}
    below = {name: sorted(each) for name, each in inventory.children.items() if name != "all"}
    facts |= {f"children of {name}": each for name, each in below.items()}
    return _worth(facts) | {
        f"{host.name}.{name}": _plain(value) for host in inventory for name, value in host.vars.items()
    }


def _worth(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts without groups that are empty: `--list` leaves some of them out."""
    return {key: value for key, value in facts.items() if value}


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return f"!{value.kind} {value.where}"
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
