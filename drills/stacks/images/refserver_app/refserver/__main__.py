"""`python3 -m refserver`: answer on port 8060; everything else comes from the environment."""

from __future__ import annotations

import logging
import os
import signal
import sys

import uvicorn

from . import api
from .lock import Lock
from .settings import Settings


def main() -> int:
    """Serve until told to stop."""
    settings = Settings.of()
    _log_to(settings)
    lock = Lock(settings.data)
    lock.claim()
    # Once it has stopped serving, uvicorn raises the signal again: what follows is still to be done.
    signal.signal(signal.SIGTERM, lambda *_: None)
    service = api.Service(settings)
    try:
        uvicorn.run(
            api.create(service),
            host=os.environ.get("HOST", "0.0.0.0"),
            port=int(os.environ.get("PORT", "8060")),
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    finally:
        service.close()
        lock.let_go()
    return 0


def _log_to(settings: Settings) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    try:
        settings.logs.mkdir(exist_ok=True)
        handlers.append(logging.FileHandler(settings.logs / "refserver.log"))
    except OSError as error:
        sys.stderr.write(f"refserver: no log file: {error}\n")
    logging.basicConfig(
        level=logging.INFO, handlers=handlers, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
