"""Before any route and behind it: who calls, how often, how much; the audit before the answer."""

from __future__ import annotations

import asyncio
import math
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api import problems
from agent.api.operations import ID as OPERATION_ID
from agent.api.problems import Problem
from agent.api.rates import Buckets, Rates
from agent.api.tokens import Token, Tokens
from agent.errors import BadInventory
from agent.record import audit
from agent.secrets import mask, never_show

OPEN_TO_ALL = ("/health", "/openapi.json")
BODY = 16 * 1024
"""The most bytes of a request's body."""
BODY_WITHIN = 10.0
_LOOKS = ("GET", "HEAD", "OPTIONS")
_SAFE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Keeper:
    """What the gate holds callers to: the tokens, how often, and the folder of the audit."""

    tokens: Tokens
    rates: Rates
    runs: Path


class Gate:
    """Everything but the open routes needs a token, also what there is not: a stranger learns nothing."""

    def __init__(self, app: ASGIApp, keeper: Keeper) -> None:
        """`app` are the routes."""
        self.app, self.keeper = app, keeper
        self._calls = Buckets(keeper.rates.calls)
        self._changes = Buckets(keeper.rates.changes)
        self._strangers = Buckets(keeper.rates.strangers)
        self._unnoted = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "caller": None, "peer": _peer(scope)}
        try:
            await self._admit(scope)
            body = await _whole(scope, receive)
            await self.app(scope, _replayed(body, receive), self._audited(scope, send))
        except Problem as problem:
            await self._say(problem, scope, receive, send)
        except Exception:  # noqa: BLE001 - whatever it is, the caller learns only that it is
            sys.stderr.write(mask(traceback.format_exc()))
            await self._say(Problem(500, "defect"), scope, receive, send)

    async def _say(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        said = problems.answer(problem, problems.language_of(Headers(scope=scope)))
        await said(scope, receive, self._audited(scope, send))

    async def _admit(self, scope: Scope) -> None:
        """See who calls and that they may call now.

        Raises:
            Problem: 401 without a good token, 429 too often, 503 where nobody can be told from anybody.
        """
        if _route(scope) in OPEN_TO_ALL:
            _limit(self._calls, f"at {scope['state']['peer']}")
            return
        text = _bearer(Headers(scope=scope).getlist("authorization"))
        try:
            caller = await to_thread.run_sync(self.keeper.tokens.holder, text) if text else None
        except BadInventory:
            raise Problem(503, "unreachable", "The tokens cannot be read; nobody is let in.") from None
        if caller is None or caller.is_over(datetime.now(UTC)):
            # Whoever has a good token is never hindered by others who guess.
            _limit(self._strangers, scope["state"]["peer"])
            detail = f"The token {caller.name} has expired." if caller else ""
            raise Problem(401, "unauthorized", detail, WWW_Authenticate="Bearer")
        # Where somebody put it into a reason, too, it is written down nowhere.
        never_show(text)
        scope["state"]["caller"] = caller
        _limit(self._calls, caller.id)
        if scope["method"] not in _LOOKS:
            _limit(self._changes, caller.id)

    def _audited(self, scope: Scope, send: Send) -> Send:
        """Return a `send` that notes the result before it tells it; what cannot be noted is not told."""
        quiet = False

        async def noted(message: Message) -> None:
            nonlocal quiet
            if quiet:
                return
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SAFE)
                try:
                    await self._note(scope, message["status"])
                except OSError:
                    quiet = True
                    said = Problem(503, "unreachable", "The audit cannot be written, so nothing is answered.")
                    answer = problems.answer(said, problems.language_of(Headers(scope=scope)))
                    await answer(scope, _nothing, send)
                    return
            await send(message)

        return noted

    async def _note(self, scope: Scope, status: int) -> None:
        if _route(scope) in OPEN_TO_ALL:
            return
        if status == 429:
            # Else whoever floods us floods the audit too; how many there were stands in its next line.
            self._unnoted += 1
            return
        unnoted, self._unnoted = self._unnoted, 0
        fields: dict[str, Any] = {"what": _what(scope), "result": status}
        fields |= {"unnoted": unnoted} if unnoted else {}
        caller: Token | None = scope["state"]["caller"]
        who = str(caller) if caller else "nobody we know"
        fields |= {"who": who, "from": scope["state"]["peer"]}
        await to_thread.run_sync(lambda: audit.note(self.keeper.runs, "api", **fields))


def _limit(buckets: Buckets, caller: str) -> None:
    wait = buckets.wait(caller)
    if wait:
        raise Problem(429, "too-many", Retry_After=str(math.ceil(wait)))


def _bearer(given: list[str]) -> str:
    """Return the token of an Authorization header; "" where there is none, another scheme, or several."""
    if len(given) != 1:
        return ""
    scheme, _, text = given[0].partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


async def _whole(scope: Scope, receive: Receive) -> bytes:
    """Return the body, bounded in size and time.

    Raises:
        Problem: 413 or 408.
    """
    told = Headers(scope=scope).get("content-length", "0")
    if told.isdigit() and int(told) > BODY:
        raise Problem(413, "too-large", f"At most {BODY} bytes are read.", Connection="close")

    async def read() -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body, more = body + message.get("body", b""), message.get("more_body", False)
            if len(body) > BODY:
                raise Problem(413, "too-large", f"At most {BODY} bytes are read.", Connection="close")
        return body

    try:
        return await asyncio.wait_for(read(), BODY_WITHIN)
    except TimeoutError:
        raise Problem(408, "too-slow", Connection="close") from None


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "?"


def _route(scope: Scope) -> str:
    """Return the path below where the app is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(root) else path


def _what(scope: Scope) -> str:
    """Return what was asked as the audit has it: the route, an id only where it is one, never a query."""
    route = getattr(scope.get("route"), "path", "(no such route)")
    name = scope.get("path_params", {}).get("id", "")
    if name and "{id}" in route:
        from agent.api.answers import BACKUP_ID

        known = OPERATION_ID.fullmatch(name) or BACKUP_ID.fullmatch(name)
        route = route.replace("{id}", name if known else "(no id)")
    return f"{scope['method']} {route}"
