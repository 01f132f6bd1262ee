"""The escalation ladder as the inventory's variable `escalation` has it: channels, contacts, levels."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from agent.inventory import Host, Where
from agent.inventory.typed import Variable
from agent.language import Text
from agent.naming import did_you_mean

VARIABLE = "escalation"
_NOT_CHANNELS = ("escalation", "ladder", "message", "send")


class Contact(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to be told: `by` maps a channel to their address on it.

    `by_hand` is for whom no channel reaches (a phone number, a console): the others are told to call.
    `language` is that of their messages; without one they come in both.
    """

    role: Text = ""
    by: dict[str, str] = {}
    by_hand: str = ""
    language: Literal["en", "ko", ""] = ""


class Level(Struct, frozen=True, forbid_unknown_fields=True):
    """From `from` minutes into the run these contacts are told."""

    tell: tuple[str, ...]
    start: float = field(name="from", default=0.0)


class _Written(Struct, frozen=True, forbid_unknown_fields=True):
    channels: dict[str, dict[str, Any]]
    contacts: dict[str, Contact]
    levels: tuple[Level, ...]
    tries: int = 5
    again_after: float = 20.0


@dataclass(frozen=True)
class Channel:
    """A way to reach people: `kind` is the file of this room that sends, with these `settings`."""

    name: str
    kind: str
    settings: Any


@dataclass(frozen=True)
class Ladder:
    """The levels, the earliest first; a failed call is tried `tries` times, `again_after` seconds apart."""

    channels: Mapping[str, Channel]
    contacts: Mapping[str, Contact]
    levels: tuple[Level, ...]
    tries: int = 5
    again_after: float = 20.0


def kinds() -> tuple[str, ...]:
    """Return every kind of channel there is: one file each."""
    found = (each.name for each in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return tuple(sorted(name for name in found if name not in _NOT_CHANNELS))


def ladder_of(hosts: Sequence[Host]) -> Ladder | None:
    """Return the ladder of a run on these hosts: that of the first which has one, or None.

    Raises:
        BadInventory: it cannot be used; the sentence names file and line.
    """
    for host in hosts:
        if host.vars.get(VARIABLE) is not None:
            return read_ladder(host.vars[VARIABLE], host.places.get(VARIABLE, host.at))
    return None


def read_ladder(data: object, at: Where) -> Ladder:
    """Return what the variable says; raises like `ladder_of`."""
    variable = Variable(VARIABLE, at, "Mend it, or run with --no-notify.")
    written = variable.convert(data, _Written)
    channels = {name: _channel(name, each, variable) for name, each in written.channels.items()}
    for name, contact in written.contacts.items():
        for channel in contact.by:
            _known(channel, channels, "channel", f"contacts.{name}.by", variable)
        if not contact.by and not contact.by_hand:
            raise variable.wrong(
                f"contacts.{name} has neither `by` nor `by_hand`, so nobody could tell them."
            )
    for n, level in enumerate(written.levels):
        for name in level.tell:
            _known(name, written.contacts, "contact", f"levels[{n}].tell", variable)
        if not 0 <= level.start < 1e6:
            raise variable.wrong(f"levels[{n}].from should be minutes from 0, found {level.start:g}.")
    if not written.levels:
        raise variable.wrong("levels should have at least one level, found none.")
    if not 1 <= written.tries <= 100 or not 0 <= written.again_after <= 3600:
        raise variable.wrong("tries should be 1 to 100, and again_after 0 to 3600 seconds.")
    levels = tuple(sorted(written.levels, key=lambda each: each.start))
    return Ladder(channels, written.contacts, levels, written.tries, written.again_after)


def _channel(name: str, data: dict[str, Any], variable: Variable) -> Channel:
    kind = data.get("kind", name)
    if kind not in kinds():
        hint = did_you_mean(str(kind), kinds())
        raise variable.wrong(
            f"channels.{name} is of the unknown kind {kind}; known are {', '.join(kinds())}.{hint}"
        )
    own = {key: value for key, value in data.items() if key != "kind"}
    settings = importlib.import_module(f"agent.notify.{kind}").Settings
    return Channel(name, kind, variable.convert(own, settings, f"channels.{name}"))


def _known(name: str, names: Mapping[str, object], what: str, place: str, variable: Variable) -> None:
    if name not in names:
        hint = did_you_mean(name, names)
        raise variable.wrong(
            f"{place} names the {what} {name}, and there is {', '.join(names) or 'none'}.{hint}"
        )
