"""What exists under which name: pages, systems, supervisors, providers, actions, by their file's name."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from agent.errors import NotFound

HERE = Path(__file__).parent
REQUIRED = inspect.Parameter.empty

# Two names of the page's language that are not systems: what every service has, and every backup.
_SPECIAL = {"service": "agent.supervisors.service", "backup": "agent.backup.actions"}

# What the providers' room holds beside them: how programs are asked, and who runs no MongoDB for others.
_NO_PROVIDER = ("program", "aws")

# What the supervisors' room holds beside them: their verbs, and what several of them share.
_NO_SUPERVISOR = ("service", "environment", "containers", "workload")


@dataclass(frozen=True)
class VerbParam:
    """One argument of an action: its type (`Any` where it cannot be told) and default (or REQUIRED)."""

    name: str
    kind: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether the action cannot do without it."""
        return self.default is REQUIRED


@dataclass(frozen=True)
class Verb:
    """An action by its name: the function, the class its first argument wants, its other arguments.

    `open` says that it takes arguments by any name.
    """

    name: str
    function: Callable[..., Any]
    subject: Any
    params: tuple[VerbParam, ...]
    open: bool = False

    def of(self, service: Any) -> Any:
        """Return what the function wants first: the system's own object made of `service`, or `service`."""
        make = getattr(self.subject, "of", None)
        return make(service) if callable(make) else service


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return ` Did you mean x?` for the nearest of `names`, or an empty text where none is near."""
    near = difflib.get_close_matches(name, [*names], n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""


def pages(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Return every page by name; the first folder that has a name wins, and ours come last."""
    found: dict[str, Path] = {}
    for folder in (*folders, HERE / "runbook" / "pages"):
        if not folder.is_dir():
            raise NotFound(f"{folder}: expected a folder of pages, found none.")
        for path in sorted(folder.iterdir()):
            if path.suffix in (".yml", ".yaml") and not path.name.startswith("."):
                found.setdefault(path.stem, path)
    return found


def find_page(name: str, folders: Sequence[Path] = ()) -> Path:
    """Return the file of a page, by its name or by a path to it.

    Raises:
        NotFound: there is no such page; the sentence lists what there is.
    """
    if "/" in name or name.endswith((".yml", ".yaml")):
        if Path(name).is_file():
            return Path(name)
        raise NotFound(f"{name}: expected a page, found no file.")
    known = pages(folders)
    if name not in known:
        raise _unknown("page", name, known)
    return known[name]


def systems() -> tuple[str, ...]:
    """Return the name of every system we know."""
    return _files("systems")


def supervisors() -> tuple[str, ...]:
    """Return the name of every supervisor we know."""
    return tuple(name for name in _files("supervisors") if name not in _NO_SUPERVISOR)


def providers() -> tuple[str, ...]:
    """Return the name of every provider we know."""
    return tuple(name for name in _files("providers") if name not in _NO_PROVIDER)


def system(name: str) -> ModuleType:
    """Return the module of a system.

    Raises:
        NotFound: there is none of that name.
    """
    if name not in systems():
        raise _unknown("system", name, systems())
    return importlib.import_module(f"agent.systems.{name}")


def supervisor(name: str) -> ModuleType:
    """Return the module of a supervisor; raises like `system`."""
    if name not in supervisors():
        raise _unknown("supervisor", name, supervisors())
    return importlib.import_module(f"agent.supervisors.{name}")


def provider(name: str) -> ModuleType:
    """Return the module of a provider; raises like `system`."""
    if name not in providers():
        raise _unknown("provider", name, providers())
    return importlib.import_module(f"agent.providers.{name}")


def verb(name: str) -> Verb:
    """Return an action by its name: `redis.repair`, `service.stop`, or dotted, of any importable module.

    Raises:
        NotFound: there is no such action; the sentence lists what there is.
    """
    room, dot, action = name.rpartition(".")
    if not dot or not all(part.isidentifier() for part in name.split(".")):
        raise NotFound(f"{name!r} is no action; expected system.action, such as redis.status.")
    module = _module_of_actions(room)
    known = _actions_in(module)
    if action not in known:
        raise _unknown("action", name, [f"{room}.{each}" for each in known])
    return _verb(name, known[action])


def actions(room: str) -> tuple[str, ...]:
    """Return the name of every action of a system or of another place that has some; raises like `verb`."""
    return tuple(f"{room}.{each}" for each in _actions_in(_module_of_actions(room)))


def _files(room: str) -> tuple[str, ...]:
    found = pkgutil.iter_modules([str(HERE / room)])
    return tuple(sorted(each.name for each in found if not each.name.startswith("_")))


def _module_of_actions(room: str) -> ModuleType:
    if room in systems():
        return system(room)
    wanted = _SPECIAL.get(room, room)
    try:
        return importlib.import_module(wanted)
    except ModuleNotFoundError as error:
        # A module that is there and misses something it imports itself is a defect to be seen.
        if error.name is None or not f"{wanted}.".startswith(f"{error.name}."):
            raise
        known = sorted([*systems(), *_SPECIAL])
        raise NotFound(
            f"There is nothing called {room} that has actions.{did_you_mean(room, known)} "
            f"There is: {', '.join(known)}, or the dotted name of a module."
        ) from None


def _actions_in(module: ModuleType) -> dict[str, Callable[..., Any]]:
    return {
        name: function
        for name, function in sorted(vars(module).items())
        if inspect.isfunction(function)
        and not name.startswith("_")
        and function.__module__ == module.__name__
        and _is_action(function)
    }


def _is_action(function: Callable[..., Any]) -> bool:
    says = getattr(function, "__annotations__", {}).get("return", "")
    if isinstance(says, str):
        return says.split("[")[0].rpartition(".")[2] == "Action"
    return getattr(typing.get_origin(says), "__name__", "") == "Generator"


def _verb(name: str, function: Callable[..., Any]) -> Verb:
    given = list(inspect.signature(function).parameters.values())
    named = [each for each in given if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    if not named:
        raise NotFound(f"{name} takes no service, so it is no action.")
    subject, *rest = named
    return Verb(
        name=name,
        function=function,
        subject=_kind(function, subject.name),
        params=tuple(VerbParam(each.name, _kind(function, each.name), each.default) for each in rest),
        open=any(each.kind is each.VAR_KEYWORD for each in given),
    )


def _kind(function: Callable[..., Any], name: str) -> Any:
    """Return the type of one argument, or Any where it is only imported for type checkers."""
    says = {key: each for key, each in function.__annotations__.items() if key == name}
    only = SimpleNamespace(__annotations__=says)
    try:
        return typing.get_type_hints(only, function.__globals__).get(name, Any)
    except NameError:
        return Any


def _unknown(what: str, name: str, names: Iterable[str]) -> NotFound:
    known = sorted(names)
    listed = ", ".join(known) or "none"
    return NotFound(f"There is no {what} {name}.{did_you_mean(name, known)} There is: {listed}.")
