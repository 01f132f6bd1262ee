"""Turn a step of a page into the action it stands for on one host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from agent import naming
from agent.errors import BadPage
from agent.inventory import Host
from agent.runbook import expressions
from agent.runbook.model import Page, Step
from agent.secrets import Secret
from agent.transport.ask import Action, Done, Sh

T = TypeVar("T")


def action_of(step: Step, host: Host, page: Page, names: Mapping[str, Any]) -> Action[Any]:
    """Return the action of a `do` or `sh` step, its arguments filled in from `names`.

    Raises:
        BadPage: an argument does not fit the action; the sentence names file and line.
        NotFound: there is no such action, or the host does not serve the page's system.
    """
    if step.sh:
        return _shell(step, names)
    verb = naming.verb(step.do)
    subject = verb.of(host.service(step.concerns(page.system)))
    kinds = {param.name: param.kind for param in verb.params}
    arguments = {}
    for key, value in step.arguments.items():
        try:
            arguments[key] = msgspec.convert(filled(step, value, names), kinds[key])
        except KeyError:
            raise BadPage(f"{step.at}: {step.do} takes no {key!r}; it takes {', '.join(kinds)}.") from None
        except msgspec.ValidationError as error:
            raise BadPage(f"{step.at}: `{key}` of {step.do} does not fit: {error}.") from None
    action: Action[Any] = verb.function(subject, **arguments)
    return action


def truth(step: Step, text: str, names: Mapping[str, Any]) -> bool:
    """Return whether an expression of a step holds.

    Raises:
        BadPage: it cannot be evaluated; the sentence names file and line.
    """
    return bool(_located(step, expressions.evaluate, text, names))


def filled(step: Step, value: Any, names: Mapping[str, Any]) -> Any:
    """Return a value of a step with its expressions filled in; raises like `truth`."""
    return _located(step, expressions.fill, value, names)


def _located(
    step: Step, read: Callable[[Any, Mapping[str, Any]], T], value: Any, names: Mapping[str, Any]
) -> T:
    try:
        return read(value, names)
    except BadPage as error:
        raise BadPage(f"{step.at}: {error}") from None


def scope(step: Step, names: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the names a step sees: the run's, and the parameters of the pages it is included from."""
    for given in step.given:
        names = {**names, **filled(step, given, names)}
    return names


def _shell(step: Step, names: Mapping[str, Any]) -> Action[dict[str, Any]]:
    secrets: dict[str, Secret] = {}

    def carried(secret: Secret) -> str:
        """Have a secret reach the command in its environment, as in no argument list it may stand."""
        variable = f"DRILLYARD_SECRET_{len(secrets) + 1}"
        secrets[variable] = secret
        return variable

    if isinstance(step.sh, str):
        fill = partial(expressions.fill_shell, carried=carried)
        argv = [_located(step, fill, step.sh, names)]
    else:
        argv = [_word(step, filled(step, word, names)) for word in step.sh]
    done: Done = yield Sh(
        *argv,
        secrets=secrets,
        script=isinstance(step.sh, str),
        sudo=step.sudo,
        ok=step.ok,
        changes=step.alters,
        timeout=float(step.timeout or 60),
    )
    return {"rc": done.rc, "out": done.text, "err": done.err.decode("utf-8", "replace").strip()}


def _word(step: Step, value: object) -> str:
    if isinstance(value, Secret):
        raise BadPage(
            f"{step.at}: a secret would stand in an argument list, which every user of the host can read.",
            do="Write the command as one text: there it becomes a variable of the environment.",
        )
    return str(value)


def as_plain(result: object) -> Any:
    """Return what an action learned as plain data, for `register`, the journal and expressions."""
    return msgspec.to_builtins(result)
