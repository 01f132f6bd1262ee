"""`python -m agent.providers.atlas VERB`: what speaks to MongoDB Atlas, on a host that has Drillyard.

A spec as JSON on stdin, the answer as JSON on stdout; the secret half of the login in DRILLYARD_ATLAS_SECRET.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from agent.errors import BadInventory, StepFailed
from agent.providers.program import serve

Verb = Callable[[dict[str, Any]], Any]
SECRET = "DRILLYARD_ATLAS_SECRET"


def main() -> int:
    """Run one verb; returns the exit code."""
    verbs: dict[str, Verb] = {name: _asking(name) for name in _VERBS}
    return serve({**verbs, "connect": _connect})


_VERBS = {
    "look": ("clusters", "look"),
    "provision": ("clusters", "provision"),
    "await-spare": ("clusters", "await_spare"),
    "delete": ("clusters", "delete"),
    "begin": ("restores", "begin"),
    "await-restore": ("restores", "await_restore"),
}


def _asking(name: str) -> Verb:
    """Return a verb that first opens a conversation with Atlas."""

    def run(spec: dict[str, Any]) -> Any:
        import importlib

        room, function = _VERBS[name]
        with _api(spec) as api:
            module = importlib.import_module(f"agent.providers.atlas.{room}")
            return getattr(module, function)(api, spec)

    return run


def _api(spec: dict[str, Any]) -> Any:
    try:
        from agent.providers.atlas import api, login
    except ModuleNotFoundError as error:
        raise StepFailed(
            f"Expected {error.name} to be installed for {sys.executable}, found none.",
            do="Install drillyard[atlas] there.",
        ) from None
    secret = os.environ.pop(SECRET, "")
    if not secret:
        raise BadInventory(f"Expected the secret half of the login in {SECRET}, found none.")
    if spec["key"]:
        return api.Api(spec["api"], login.api_key(spec["identity"], secret))
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "drillyard"
    keep = login.kept_at(spec["api"], spec["identity"], state)
    return api.Api(spec["api"], login.ServiceAccount(spec["api"], spec["identity"], secret, keep))


def _connect(spec: dict[str, Any]) -> Any:
    from agent.providers.atlas.reach import connect

    with _api(spec) as api:
        return connect(api, spec)


if __name__ == "__main__":
    # httpx brings a command line of its own where click is there: a third of what a verb takes to begin.
    sys.modules.setdefault("click", cast(ModuleType, None))
    sys.exit(main())
