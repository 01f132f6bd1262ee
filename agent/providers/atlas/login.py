"""Who we are to Atlas: a service account, whose token is kept while it holds, or an API key by digest."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import httpx

from agent.providers.atlas.calls import TOKEN
from agent.secrets import never_show

EARLY = 120.0
"""Seconds before its end from which on a token is not used any more."""


class TokenRefused(Exception):
    """Atlas gave no token; `response` is what it said instead."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        super().__init__(response.status_code)


class ServiceAccount(httpx.Auth):
    """OAuth 2.0 client credentials: a token is used for its hour, and fetched anew when refused.

    Atlas counts requests for tokens, and each verb is a process of its own; so the token is kept in `keep`, a
    file for its owner alone (None = nowhere).
    """

    requires_response_body = True

    def __init__(self, base: str, client_id: str, client_secret: str, keep: Path | None = None) -> None:
        never_show(client_secret)
        self._base = base
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        never_show(self._basic)
        self._keep = keep
        self._token = ""
        self._ends = 0.0
        self._recall()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with a token; where a kept one is refused, once more with a new one.

        Raises:
            TokenRefused: there is no token to be had.
        """
        fresh = self._ends - time.time() < EARLY
        if fresh:
            self._take((yield self._wish()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401 and not fresh and not _has_code(response):
            self._take((yield self._wish()))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _wish(self) -> httpx.Request:
        headers = {"Authorization": f"Basic {self._basic}", "Accept": "application/json"}
        return httpx.Request(
            "POST", self._base + TOKEN, headers=headers, data={"grant_type": "client_credentials"}
        )

    def _take(self, response: httpx.Response) -> None:
        try:
            given = response.json() if response.status_code == 200 else {}
            self._token = str(given["access_token"])
            self._ends = time.time() + float(given["expires_in"])
        except (ValueError, KeyError, TypeError):
            raise TokenRefused(response) from None
        never_show(self._token)
        self._remember()

    def _recall(self) -> None:
        """Take up a kept token, unless somebody else could have written or read it."""
        if self._keep is None:
            return
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = self._keep.lstat()
            if found.st_uid != os.geteuid() or found.st_mode & 0o077:
                return
            kept = json.loads(self._keep.read_text())
            self._token, self._ends = str(kept["token"]), float(kept["ends"])
            never_show(self._token)

    def _remember(self) -> None:
        if self._keep is None:
            return
        # Without a place for it, the next process fetches one of its own.
        with suppress(OSError):
            self._keep.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            new = self._keep.with_name(f"{self._keep.name}.{os.getpid()}")
            with suppress(FileNotFoundError):
                new.unlink()
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"token": self._token, "ends": self._ends}, file)
            new.replace(self._keep)


def _has_code(response: httpx.Response) -> bool:
    """Tell whether a 401 is about the role and not about the token: then Atlas says a code."""
    with suppress(ValueError, AttributeError):
        return bool(response.json().get("errorCode") == "USER_UNAUTHORIZED")
    return False


def kept_at(base: str, client_id: str, state: Path) -> Path:
    """Return where the token of that account is kept, below the folder `state`."""
    name = hashlib.sha256(f"{base} {client_id}".encode()).hexdigest()[:24]
    return state / "atlas" / f"{name}.token"


def api_key(public: str, private: str) -> httpx.Auth:
    """Return the older way in: HTTP digest with an API key. Its nonce is fetched anew by each process."""
    never_show(private)
    return httpx.DigestAuth(public, private)
