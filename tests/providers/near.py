"""A road on which our own programs run in this very process, by the same words and the same door."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any
from unittest.mock import patch

from agent.transport.ask import Done, Sh
from agent.transport.road import Road


class _Stream:
    """A standard stream: bytes under `buffer`, text on top of it."""

    def __init__(self, data: bytes = b"") -> None:
        self.buffer = io.BytesIO(data)

    def write(self, text: str) -> int:
        """Write text."""
        return self.buffer.write(text.encode())

    def flush(self) -> None:
        """Nothing is held back."""


class Near:
    """The road behind it, but for the providers' `python -P -m MODULE VERB` with the Python that runs us."""

    def __init__(self, far: Road) -> None:
        self._far = far

    def __getattr__(self, name: str) -> Any:
        return getattr(self._far, name)

    def run(self, ask: Sh, *, job: str = "") -> Done:
        """Run a program of ours here, anything else as it is run there."""
        if ask.argv[:3] != (sys.executable, "-P", "-m") or not ask.argv[3].startswith("agent.providers."):
            return self._far.run(ask, job=job)
        main = importlib.import_module(f"{ask.argv[3]}.__main__").main
        secrets = {name: secret.reveal() for name, secret in ask.secrets.items()}
        out, err = _Stream(), _Stream()
        with (
            patch.dict(os.environ, secrets),
            patch.object(sys, "argv", list(ask.argv[3:])),
            patch.object(sys, "stdin", _Stream(ask.stdin)),
            patch.object(sys, "stdout", out),
            patch.object(sys, "stderr", err),
        ):
            rc = main()
        return Done(rc, out.buffer.getvalue(), err.buffer.getvalue())
