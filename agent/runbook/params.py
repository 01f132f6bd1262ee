"""Whether a value is what a page's parameter wants, and that value as its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.errors import BadInventory, BadPage, Usage
from agent.inventory.model import Where
from agent.inventory.references import reference_in
from agent.naming import did_you_mean
from agent.runbook.model import Page, Param, Seconds
from agent.secrets import Secret

_NOWHERE = Where("")
_FITS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "flag": (bool,),
    "duration": (str, int, float),
    "time": (str,),
}


def read_params(page: Page, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the page's parameters with what the operator gave as `name=value`, typed.

    A secret is given as a reference (`!env NAME`), whose relative path starts where we are.

    Raises:
        Usage: a name the page does not have, a value that does not fit, or one that is missing.
    """
    unknown = sorted(set(given) - set(page.params))
    if unknown:
        known = ", ".join(sorted(page.params)) or "none"
        hint = did_you_mean(unknown[0], page.params)
        raise Usage(f"{page.name} has no parameter {unknown[0]!r}; it has {known}.{hint}")
    values: dict[str, Any] = {}
    for name, param in page.params.items():
        if name in given:
            values[name] = _typed(name, param, given[name])
        elif param.required:
            what = f"'{name}=!env NAME'" if param.type == "secret" else f"{name}=VALUE"
            raise Usage(f"{page.name} needs the parameter {name!r}.", do=f"Add --set {what}.")
        else:
            values[name] = param.default
    return values


def as_written(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's parameters as its journal keeps them: of a secret only what names it."""
    return {name: each.reference if isinstance(each, Secret) else each for name, each in params.items()}


def as_read(page: Page, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's parameters out of its journal."""
    return {
        name: _reference(name, each) if name in page.params and page.params[name].type == "secret" else each
        for name, each in written.items()
    }


def _typed(name: str, param: Param, text: str) -> Any:
    try:
        match param.type:
            case "number":
                return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
            case "flag":
                return {"yes": True, "true": True, "no": False, "false": False}[text.lower()]
            case "duration":
                return float(Seconds.of(text))
            case "time":
                return datetime.fromisoformat(text).astimezone(UTC).isoformat()
            case "secret":
                return _reference(name, text)
            case _:
                return text
    except (ValueError, KeyError):
        raise Usage(f"The parameter {name} should be a {param.type}, found {text!r}.") from None


def _reference(name: str, text: str) -> Secret:
    try:
        found = reference_in(text, Where(f"--set {name}"))
    except BadInventory as problem:
        raise Usage(problem.sentence, do=problem.do) from None
    if found is None:
        # What was found is not told: it is the secret.
        raise Usage(
            f"The parameter {name} is a secret and was written out: whoever sees this machine's processes or "
            "its shell's history knows it now, and a journal would keep it.",
            do=f"Change it, and say where it lies: --set '{name}=!env NAME', '{name}=!file PATH' or "
            f"'{name}=!command LINE'.",
        )
    return found


def as_default(param: Param, at: Where = _NOWHERE) -> Any:
    """Return the default of a parameter: a duration in seconds, a secret as what its reference names."""
    if param.type == "secret" and isinstance(param.default, str):
        return reference_in(param.default, at)
    # A plain number, as `--set` gives one: what a verb takes is compared with its type as it stands.
    return float(Seconds.of(param.default)) if param.type == "duration" else param.default


def fitted(name: str, param: Param, value: Any) -> Any:
    """Return a value that a page gives to a parameter as its type: a duration in seconds.

    A text with an expression in it is left for later, since its value is not known yet.

    Raises:
        BadPage: it does not fit.
    """
    if isinstance(value, str) and "{{" in value:
        return value
    if param.type == "secret":
        if isinstance(value, Secret) or (isinstance(value, str) and reference_in(value, _NOWHERE)):
            return value
        raise BadPage(
            f"the secret {name} is written out, and whoever reads the page knows it; "
            "!env NAME, !file PATH or !command LINE was expected."
        )
    fits = _FITS[param.type]
    if not isinstance(value, fits) or (isinstance(value, bool) and bool not in fits):
        raise BadPage(f"{name} should be a {param.type}, found {value!r}.")
    try:
        if param.type == "time":
            datetime.fromisoformat(str(value))
        return float(Seconds.of(value)) if param.type == "duration" else value
    except ValueError:
        raise BadPage(f"{name} should be a {param.type}, found {value!r}.") from None
