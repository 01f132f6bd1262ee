"""`python -m chat serve | create-indexes | check`: everything else comes from the environment.

serve            answer on HOST:PORT (0.0.0.0:8000) in PROCESSES (2) processes; TLS_CERT, TLS_KEY: as https
create-indexes   create what indexes.json declares; safe to repeat
check            see that this release could start; connects to nothing but a secret store, where one is named
"""

from __future__ import annotations

import asyncio
import os
import sys

from .settings import Settings


def main(words: list[str]) -> int:
    """Carry out one verb and return the exit code."""
    match words:
        case ["serve"]:
            return _serve()
        case ["create-indexes"]:
            asyncio.run(_create_indexes(Settings.of()))
        case ["check"]:
            Settings.of()
            from . import api as api
        case _:
            sys.stderr.write(__doc__ or "")
            return 64
    return 0


def _serve() -> int:
    import uvicorn

    Settings.of()
    uvicorn.run(
        "chat.api:app",
        host=os.environ.get("HOST", "0.0.0.0"),
        port=int(os.environ.get("PORT", "8000")),
        workers=int(os.environ.get("PROCESSES", "2")),
        ssl_certfile=os.environ.get("TLS_CERT") or None,
        ssl_keyfile=os.environ.get("TLS_KEY") or None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    return 0


async def _create_indexes(settings: Settings) -> None:
    from .store import Store

    store = Store(settings)
    try:
        for name in await store.create_indexes():
            sys.stdout.write(f"{name}\n")
    finally:
        await store.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
