"""`python -m agent.providers.aws VERB`: what speaks to AWS, on a host that has Drillyard.

A spec as JSON on stdin, the answer as JSON on stdout; secrets as environment variables (`settings.py`).
"""

from __future__ import annotations

import os
import sys
from typing import Any

from agent.errors import BadInventory, StepFailed
from agent.providers.aws.settings import ACCESS, VALUE
from agent.providers.program import serve
from agent.secrets import never_show


def main() -> int:
    """Run one verb; returns the exit code."""
    return serve({"look": _look, "switch": _switch, "back": _back})


def _look(spec: dict[str, Any]) -> Any:
    from agent.providers.aws import switching

    return switching.look(_vault(spec), spec["name"], _taken(VALUE))


def _switch(spec: dict[str, Any]) -> Any:
    from agent.providers.aws import switching

    return switching.switch(_vault(spec), spec["name"], _taken(VALUE))


def _back(spec: dict[str, Any]) -> Any:
    from agent.providers.aws import switching

    return switching.back(_vault(spec), spec["name"])


def _vault(spec: dict[str, Any]) -> Any:
    try:
        from agent.providers.aws import vault
    except ModuleNotFoundError as error:
        raise StepFailed(
            f"Expected {error.name} to be installed for {sys.executable}, found none.",
            do="Install drillyard[aws] there.",
        ) from None
    return vault.Vault.opened(spec, _taken(ACCESS) if spec["access_id"] else "")


def _taken(name: str) -> str:
    text = os.environ.pop(name, "")
    if not text:
        raise BadInventory(f"Expected a secret in {name}, found none.")
    never_show(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
