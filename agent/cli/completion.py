"""`drillyard completion`: a script for bash, zsh or fish, and the words that it asks us for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from agent import naming
from agent.errors import DrillyardError

_BASH = r"""_drillyard() {
    local line=${COMP_LINE:0:COMP_POINT} words cur each
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cur=${words[-1]}
    COMPREPLY=()
    # Readline takes what stands after the last of these for the whole word.
    local kept=${cur%"${cur##*[:=]}"}
    while IFS= read -r each; do
        COMPREPLY+=("${each#"$kept"}")
    done < <("$1" completion words -- "${words[@]:1}" 2> /dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
    return 0
}
complete -F _drillyard drillyard
"""
_ZSH = r"""#compdef drillyard
_drillyard() {
    local -a found folders
    found=("${(@f)$("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2> /dev/null)}")
    folders=("${(@M)found:#*/}")
    found=("${(@)found:#*/}")
    [[ -n "$folders" ]] && compadd -S '' -- "${folders[@]}"
    [[ -n "$found" ]] && compadd -- "${found[@]}"
}
if [[ "${funcstack[1]}" == _drillyard ]]; then
    _drillyard "$@"
else
    compdef _drillyard drillyard
fi
"""
_FISH = r"""function __drillyard_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] completion words -- $words[2..-1] "$current" 2> /dev/null
end
complete -c drillyard -f -a '(__drillyard_words)'
"""
SHELLS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_PATHS = ("inventory", "pages", "runs", "journal")


def completion(command: argparse.Namespace) -> int:
    """Print a shell's script, or the words that may stand where the last one is being typed."""
    if command.what in SHELLS:
        sys.stdout.write(SHELLS[command.what])
        return 0
    from agent.cli.parser import command_line

    typed = command.typed[1:] if command.typed[:1] == ["--"] else command.typed
    sys.stdout.write("".join(f"{word}\n" for word in candidates(command_line(), typed or [""])))
    return 0


def candidates(parser: argparse.ArgumentParser, typed: Sequence[str]) -> list[str]:
    """Return the words that may stand in the place of the last of `typed`; what goes wrong is no word at all.

    Nothing here connects to a host or runs a program: an inventory that is one is passed over.
    """
    current = typed[-1]
    verbs = _verbs(parser)
    if len(typed) == 1:
        return _fitting([*verbs, "--help", "--version"], current)
    verb = verbs.get(typed[0])
    if verb is None:
        return []
    options = verb._option_string_actions
    before = options.get(typed[-2])
    if before is not None and before.nargs != 0:
        return _values(before, typed, current)
    if current.startswith("-"):
        return _fitting([each for each in options if each.startswith("--")], current)
    places = [each for each in verb._actions if not each.option_strings]
    n = len(_positionals(options, typed[1:-1]))
    if not places or (n >= len(places) and places[-1].nargs not in ("*", "+")):
        return []
    return _values(places[min(n, len(places) - 1)], typed, current)


# argparse shows what a parser holds only by names with an underscore; they have stood since Python 2.7.
def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for each in parser._actions:
        if isinstance(each, argparse._SubParsersAction):
            return dict(each.choices)
    return {}


def _positionals(options: dict[str, argparse.Action], typed: Sequence[str]) -> list[str]:
    found, takes = [], False
    for word in typed:
        if takes:
            takes = False
        elif word.startswith("-"):
            takes = word in options and options[word].nargs != 0
        else:
            found.append(word)
    return found


def _values(action: argparse.Action, typed: Sequence[str], current: str) -> list[str]:
    if action.choices:
        return _fitting(map(str, action.choices), current)
    if action.dest in _PATHS:
        return _paths(current)
    if action.dest == "lang":
        return _fitting(("en", "ko"), current)
    find = _FINDERS.get(action.dest)
    if find is None:
        return []
    try:
        return _fitting(find(typed), current)
    except (DrillyardError, OSError):
        return []


def _fitting(words: Iterable[str], current: str) -> list[str]:
    """Return the words that go on from `current`; of a pattern such as `redis:!r` its last part."""
    start = max(current.rfind(sign) for sign in ":,&!") + 1
    kept, part = current[:start], current[start:]
    return [kept + word for word in words if word.startswith(part)]


def _paths(current: str) -> list[str]:
    folder, slash, start = current.rpartition("/")
    where = Path(folder + slash or ".").expanduser()
    found = [each for each in where.iterdir() if each.name.startswith(start)] if where.is_dir() else []
    shown = [each for each in found if start.startswith(".") or not each.name.startswith(".")]
    return sorted(f"{folder}{slash}{each.name}{'/' if each.is_dir() else ''}" for each in shown)


def _given(typed: Sequence[str], *names: str) -> list[str]:
    return [value for name, value in pairwise(typed) if name in names]


def _pages(typed: Sequence[str]) -> list[str]:
    if typed[:2] == ["runbooks", "schema"]:
        return ["pages", "events"]
    return sorted(naming.pages([Path(each) for each in _given(typed, "--pages")]))


def _runs(typed: Sequence[str]) -> list[str]:
    folder = Path((_given(typed, "--runs") or [os.environ.get("DRILLYARD_RUNS", "runs")])[-1])
    known = sorted((path.parent.name for path in folder.glob("*/journal.jsonl")), reverse=True)
    return ["latest", *known[:20]] if known else []


def _hosts(typed: Sequence[str]) -> list[str]:
    from agent.inventory import read_inventory
    from agent.runbook.rails import is_production

    named = _given(typed, "-i", "--inventory") or os.environ.get("DRILLYARD_INVENTORY", "").split(":")
    sources = [Path(each).expanduser() for each in named if each]
    if not sources or any(map(_is_program, sources)):
        return []
    inventory = read_inventory(*sources)
    if typed[-2] == "--confirm":
        return [host.name for host in inventory if is_production(host)]
    return [*inventory.groups, *inventory.hosts, "@failed"]


def _is_program(source: Path) -> bool:
    inside = source.iterdir() if source.is_dir() else [source]
    return any(each.is_file() and os.access(each, os.X_OK) for each in inside)


def _systems(_typed: Sequence[str]) -> list[str]:
    return list(naming.systems())


_FINDERS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "page": _pages,
    "run": _runs,
    "limit": _hosts,
    "confirm": _hosts,
    "system": _systems,
    "service": _systems,
}
