"""What an action would do: its looks are really taken, its changes only listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.errors import DrillyardError, StepFailed
from agent.transport.ask import Action, Answer, Ask, Done, Note, Sh, Until
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
    error that the run would end with, as the world is now.
    """

    looks: tuple[str, ...]
    changes: tuple[str, ...]
    result: Any
    hinges: str = ""
    refusal: str = ""


def preview(action: Action[Any], road: Road, *, altered: bool = False) -> Preview:
    """Follow `action`: perform what only reads, list what changes, stop where a change would decide.

    A change is supposed to succeed, with its `supposing` answer or an empty one; after it a look could tell
    nothing but the past, so it is not taken: its own `supposing` is used, and where there is none the
    preview ends there and says so. A result that rests on an empty supposed answer is UNKNOWN. `altered` says
    that an earlier step would have changed the host: then nothing is waited for, and a look that fails says
    only that the outcome hinges on that change.
    """
    looks: list[str] = []
    changes: list[str] = []
    guessed = ""
    try:
        ask = next(action)
        while True:
            if not ask.changes and changes and not _supposed(ask):
                return Preview(tuple(looks), tuple(changes), UNKNOWN, hinges=str(ask))
            if altered and isinstance(ask, Until):
                return Preview(tuple(looks), tuple(changes), UNKNOWN, hinges=str(ask))
            answer = _answer(ask, road, looks, changes)
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
        return Preview(tuple(looks), tuple(changes), result)
    except DrillyardError as error:
        if altered or guessed:
            return Preview(tuple(looks), tuple(changes), UNKNOWN, hinges=guessed or looks[-1])
        return Preview(tuple(looks), tuple(changes), UNKNOWN, refusal=str(error))
    except (ValueError, LookupError):
        # The action could not read the empty answer we supposed: from here on only the run can tell.
        return Preview(tuple(looks), tuple(changes), UNKNOWN, hinges=guessed)
    finally:
        action.close()


_EMPTY = Done(0)


def _supposed(ask: Ask) -> bool:
    return isinstance(ask, Note | Until) or (isinstance(ask, Sh) and ask.supposing is not None)


def _answer(ask: Ask, road: Road, looks: list[str], changes: list[str]) -> Answer:
    if isinstance(ask, Note):
        return None
    if ask.changes:
        changes.append(f"{ask.changes}: {ask}" if isinstance(ask, Sh) else ask.changes)
    elif not changes:
        looks.append(str(ask))
        return send(ask, road)
    if isinstance(ask, Sh | Until):
        return ask.supposing or _EMPTY
    return None
