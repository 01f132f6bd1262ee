"""What the service is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import secret_store


@dataclass(frozen=True)
class Settings:
    """Where its dependencies are and how long it waits for them; seconds.

    `MONGO_URI` names the database too (`…:27017/chatdb`; chatdb where it names none); where there is a
    `MONGO_SECRET_ID` it is read from that secret of AWS instead, anew at each start. `dependency` is how long
    one answer of MongoDB or Redis is waited for before users are told that there is none.
    """

    mongo_uri: str = field(repr=False)
    redis_url: str = field(repr=False)
    token_seconds: int = 3600
    dependency: float = 2.0

    @classmethod
    def of(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read them.

        Raises:
            SystemExit: one is missing or wrong; the service cannot start, and says why in one line.
        """
        if env.get("MONGO_SECRET_ID"):
            env = {**env, "MONGO_URI": secret_store.read(env)}
        missing = [name for name in ("MONGO_URI", "REDIS_URL") if not env.get(name)]
        if missing:
            raise SystemExit(f"chat: expected {' and '.join(missing)} in the environment, found none.")
        try:
            return cls(
                mongo_uri=env["MONGO_URI"],
                redis_url=env["REDIS_URL"],
                token_seconds=int(env.get("TOKEN_SECONDS") or cls.token_seconds),
                dependency=float(env.get("DEPENDENCY_SECONDS") or cls.dependency),
            )
        except ValueError as error:
            raise SystemExit(f"chat: TOKEN_SECONDS and DEPENDENCY_SECONDS are numbers: {error}.") from None
