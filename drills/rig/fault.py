"""What a fault is, what it is given, and how it is found by the name of its file."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from agent.errors import NotFound
from agent.naming import did_you_mean

if TYPE_CHECKING:
    from drills.rig.stack import Stack, StackHost


@dataclass(frozen=True)
class Scene:
    """Where a fault strikes: one host of a stack, the unit of the service and the folder of its data.

    `marks` are the sizes of the service's files at the moment the backup had been taken, by path: damage
    past them touches what no backup holds. `seed` makes the strike the same every time.
    """

    stack: Stack
    host: StackHost
    unit: str
    data_dir: str
    marks: Mapping[str, int] = field(default_factory=dict)
    seed: int = 1


@dataclass(frozen=True)
class Wound:
    """What a strike did, for the evidence: a sentence, and the figures (files, offsets, bytes, hashes).

    `at` is the controller's monotonic time of the strike, earliest and latest, where the fault knows it
    better than whoever called it.
    """

    what: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    at: tuple[float, float] | None = None


class Harm(Protocol):
    """One way to break a service. A fault's file has a dataclass `Fault(Harm)`: its settings."""

    def strike(self, scene: Scene) -> Wound:
        """Break it, and say what was done."""

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Look for the damage where users do not: return how it shows, or "" where it does not."""
        del scene, wound
        return ""

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Take back what a recovery does not; safe to call at any time after the strike, and twice."""
        del scene, wound


HERE = Path(__file__).parents[1] / "faults"


def faults() -> tuple[str, ...]:
    """Return the name of every fault of ours."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules([str(HERE)])))


def fault(name: str, *, folders: Sequence[Path] = (), **settings: Any) -> Harm:
    """Return the fault of that name with these settings.

    A file of that name in one of `folders` comes first, then ours; a dotted name is any importable module.

    Raises:
        NotFound: there is no such fault, or it has no such setting; the sentence lists what there is.
    """
    kind = _module(name, folders).Fault
    known = sorted(getattr(kind, "__dataclass_fields__", {}))
    for setting in settings:
        if setting not in known:
            raise NotFound(
                f"The fault {name} has no setting {setting}.{did_you_mean(setting, known)} "
                f"It has: {', '.join(known) or 'none'}."
            )
    made: Harm = kind(**settings)
    return made


def _module(name: str, folders: Sequence[Path]) -> ModuleType:
    for folder in folders:
        if (file := folder / f"{name}.py").is_file():
            spec = importlib.util.spec_from_file_location(f"drillyard_fault_{name}", file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    if "." in name:
        return importlib.import_module(name)
    if name not in faults():
        raise NotFound(
            f"There is no fault {name}.{did_you_mean(name, faults())} There is: {', '.join(faults())}."
        )
    return importlib.import_module(f"drills.faults.{name}")
