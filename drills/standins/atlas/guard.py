"""Who may ask the stand-in what: tokens, digests, the access list, roles, and how much may be asked."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drills.standins.atlas.world import Refusal

REALM = "MMS Public API"


@dataclass
class Guard:
    """The credentials that are good, and what is counted.

    `access` is the API access list (None = everybody), `roles` what the credentials may do. A token lives
    `life` seconds; a digest's nonce is good for `nonce_uses` requests. `capacity` requests may be made at
    once, and `refill` more in a minute (0 = no limit). `say_after` is whether Retry-After is sent.
    """

    client_id: str = "mdb_sa_id_66f1"
    client_secret: str = "mdb_sa_sk_not-a-real-one"
    public_key: str = "abcdefgh"
    private_key: str = "c0ffee00-0000-4000-8000-00000000cafe"
    access: tuple[str, ...] | None = None
    roles: tuple[str, ...] = ("Project Owner", "Project Backup Manager", "Project Read Only")
    life: float = 3600.0
    nonce_uses: int = 20
    capacity: int = 0
    refill: int = 60
    say_after: bool = True
    clock: Callable[[], float] = time.time
    tokens: dict[str, float] = field(default_factory=dict)
    nonces: dict[str, int] = field(default_factory=dict)
    issued: int = 0
    _spent: list[float] = field(default_factory=list)

    def token(self, headers: Mapping[str, str], form: str) -> tuple[int, dict[str, object]]:
        """Answer a request for a token, as OAuth words it."""
        good = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if headers.get("Authorization") != f"Basic {good}":
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed."}
        if form != "grant_type=client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        token = secrets.token_urlsafe(24)
        self.tokens[token] = self.clock() + self.life
        self.issued += 1
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": int(self.life)}

    def let_in(self, method: str, target: str, headers: Mapping[str, str], who: str) -> None:
        """Let a request in that has good credentials and comes from where it may.

        Raises:
            Refusal: it has not, or does not.
        """
        given = headers.get("Authorization", "")
        if given.startswith("Bearer "):
            if self.tokens.get(given.removeprefix("Bearer "), 0.0) <= self.clock():
                raise Refusal(401, "", "", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        elif not self._digest(method, target, given):
            raise Refusal(401, "", "", headers={"WWW-Authenticate": self._challenge()})
        if self.access is not None and who not in self.access:
            raise Refusal(
                403,
                "IP_ADDRESS_NOT_ON_ACCESS_LIST",
                f"IP address {who} is not allowed to access this resource.",
                (who,),
            )

    def allow(self, roles: tuple[str, ...]) -> None:
        """Raise Refusal where the credentials have none of these roles."""
        if not set(roles) & set(self.roles):
            raise Refusal(401, "USER_UNAUTHORIZED", "Current user is not authorized to perform this action.")

    def count(self, path: str) -> dict[str, str]:
        """Count a request against its limit and return the headers that tell what is left.

        Raises:
            Refusal: too much was asked.
        """
        if not self.capacity:
            return {}
        now = self.clock()
        self._spent = [at for at in self._spent if now - at < 60.0 * self.capacity / self.refill]
        if len(self._spent) >= self.capacity:
            wait = int(60.0 * self.capacity / self.refill - (now - self._spent[0])) + 1
            raise Refusal(
                429,
                "RATE_LIMITED_TOKEN_BUCKET",
                f"Rate limit exceeded for {path.strip('/')}. Please retry after {wait} seconds. Request "
                f"capacity: {self.capacity}. Refill rate: {self.refill} per 60 seconds.",
                (path.strip("/"), wait, self.capacity, self.refill, 60),
                headers={"Retry-After": str(wait)} if self.say_after else {},
            )
        self._spent.append(now)
        left = self.capacity - len(self._spent)
        return {"RateLimit-Limit": str(self.capacity), "RateLimit-Remaining": str(left)}

    def _challenge(self) -> str:
        nonce = secrets.token_hex(16)
        self.nonces[nonce] = 0
        return f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", stale=false'

    def _digest(self, method: str, target: str, given: str) -> bool:
        said = {name: quoted or bare for name, quoted, bare in _PARTS.findall(given)}
        nonce = said.get("nonce", "")
        if said.get("username") != self.public_key or nonce not in self.nonces or said.get("uri") != target:
            return False
        self.nonces[nonce] += 1
        ours = _md5(f"{self.public_key}:{REALM}:{self.private_key}")
        theirs = ":".join((ours, nonce, said["nc"], said["cnonce"], said["qop"], _md5(f"{method}:{target}")))
        return _md5(theirs) == said.get("response") and self.nonces[nonce] <= self.nonce_uses


_PARTS = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
