"""Whether a value is what a page's parameter wants, and that value as its type."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agent.errors import BadPage
from agent.runbook.model import Param, Seconds

_FITS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "flag": (bool,),
    "duration": (str, int, float),
    "time": (str,),
}


def as_default(param: Param) -> Any:
    """Return the default of a parameter, a duration in seconds."""
    return Seconds.of(param.default) if param.type == "duration" else param.default


def fitted(name: str, param: Param, value: Any) -> Any:
    """Return a value that a page gives to a parameter as its type: a duration in seconds.

    A text with an expression in it is left for later, since its value is not known yet.

    Raises:
        BadPage: it does not fit.
    """
    if isinstance(value, str) and "{{" in value:
        return value
    if param.type == "secret":
        raise BadPage(f"the secret {name} is written out, and whoever reads the page knows it.")
    fits = _FITS[param.type]
    if not isinstance(value, fits) or (isinstance(value, bool) and bool not in fits):
        raise BadPage(f"{name} should be a {param.type}, found {value!r}.")
    try:
        if param.type == "time":
            datetime.fromisoformat(str(value))
        return Seconds.of(value) if param.type == "duration" else value
    except ValueError:
        raise BadPage(f"{name} should be a {param.type}, found {value!r}.") from None
