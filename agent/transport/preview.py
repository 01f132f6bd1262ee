"""What an action would do: its looks are really taken, its changes only listed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from agent.errors import DrillyardError, StepFailed
from agent.transport.ask import Action, Answer, Ask, Clock, Done, Get, Note, Put, Sh, Until
from agent.transport.difference import difference
from agent.transport.perform import judge, send
from agent.transport.road import Road


class Unknown:
    """The result of an action whose preview could not be followed to its end."""

    def __repr__(self) -> str:
        return "known only in the run"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Preview:
    """An action followed as far as can be without changing anything.

    `looks` were taken, `changes` would be made, in order; `result` is what the action returned, or UNKNOWN;
    `hinges` names the ask whose answer only the run can know ("" = none); `refusal` is the sentence of an
    error that the run would end with, as the world is now. `diffs` are how files would change.
    """

    looks: tuple[str, ...]
    changes: tuple[str, ...]
    result: Any
    hinges: str = ""
    refusal: str = ""
    diffs: tuple[str, ...] = ()


@dataclass
class _Seen:
    """What a preview gathers on its way; with `diff` it reads the files that would be written."""

    diff: bool
    clocks: list[float]
    looks: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    diffs: list[str] = field(default_factory=list)

    def told(self, result: Any, **details: str) -> Preview:
        """Return it all, the moment of the preview written as `<UTC time>`: the run has another."""
        lists = (tuple(map(self._timeless, each)) for each in (self.looks, self.changes, self.diffs))
        looks, changes, diffs = lists
        said = {name: self._timeless(text) for name, text in details.items()}
        return Preview(looks, changes, result, diffs=diffs, **said)

    def _timeless(self, text: str) -> str:
        for now in self.clocks:
            for form in ("%Y%m%dT%H%M%SZ", "%Y%m%d_%H%M%S", "%Y%m%d-%H%M%S", "%Y-%m-%dT%H:%M:%S"):
                text = text.replace(time.strftime(form, time.gmtime(now)), "<UTC time>")
        return text


def preview(
    action: Action[Any],
    road: Road,
    *,
    altered: bool = False,
    diff: bool = False,
    clocks: list[float] | None = None,
) -> Preview:
    """Follow `action`: perform what only reads, list what changes, stop where a change would decide.

    A change is supposed to succeed, with its `supposing` answer or an empty one; after it a look could tell
    nothing but the past, so it is not taken: its own `supposing` is used, and where there is none the
    preview ends there and says so. A result that rests on an empty supposed answer is UNKNOWN. `altered` says
    that an earlier step would have changed the host: then nothing is waited for, and a look that fails says
    only that the outcome hinges on that change. With `diff` the files that would be written are read. The
    text is the same for the same world: no moment of the preview stands in it, nor of earlier ones whose
    `clocks` are passed on.
    """
    seen = _Seen(diff, [] if clocks is None else clocks)
    guessed = ""
    try:
        ask = next(action)
        while True:
            if not ask.changes and seen.changes and not _supposed(ask):
                return seen.told(UNKNOWN, hinges=str(ask))
            if altered and isinstance(ask, Until):
                return seen.told(UNKNOWN, hinges=str(ask))
            answer = _answer(ask, road, seen)
            if answer is _EMPTY:
                guessed = guessed or str(ask)
            try:
                judge(ask, answer, road.host)
            except StepFailed as error:
                ask = action.throw(error)
            else:
                ask = action.send(answer)
    except StopIteration as end:
        result = UNKNOWN if guessed and end.value is not None else end.value
        return seen.told(result)
    except DrillyardError as error:
        if altered or guessed:
            return seen.told(UNKNOWN, hinges=guessed or (seen.looks[-1] if seen.looks else str(error)))
        return seen.told(UNKNOWN, refusal=str(error))
    except (ValueError, LookupError):
        # The action could not read the empty answer we supposed: from here on only the run can tell.
        return seen.told(UNKNOWN, hinges=guessed)
    finally:
        action.close()


_EMPTY = Done(0)


def _difference(put: Put, road: Road) -> str:
    """Return how a file would change, compared with how it is before anything of the run."""
    try:
        there = road.run(Sh("test", "-e", put.path, sudo=put.sudo, ok=(0, 1))).rc == 0
        present = road.get(Get(put.path, sudo=put.sudo)) if there else None
    except StepFailed as error:
        return f"{put.path}: as it is it cannot be shown: {error}"
    return difference(put.path, present, put.content)


def _supposed(ask: Ask) -> bool:
    return isinstance(ask, Note | Until) or (isinstance(ask, Sh) and ask.supposing is not None)


def _answer(ask: Ask, road: Road, seen: _Seen) -> Answer:
    if isinstance(ask, Note):
        return None
    if ask.changes:
        seen.changes.append(f"{ask.changes}: {ask}" if isinstance(ask, Sh) else ask.changes)
        if isinstance(ask, Put) and seen.diff:
            seen.diffs.append(_difference(ask, road))
    elif not seen.changes:
        seen.looks.append(str(ask))
        answer = send(ask, road)
        if isinstance(ask, Clock) and isinstance(answer, float):
            seen.clocks.append(answer)
        return answer
    if isinstance(ask, Sh | Until):
        return ask.supposing or _EMPTY
    return None
