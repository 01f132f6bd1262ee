"""One conversation with Atlas's Admin API: each request with its version, its patience and its deadline."""

from __future__ import annotations

import ipaddress
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from agent.errors import BadInventory, StepFailed
from agent.providers.atlas.answers import Answered, Silent, pause_after
from agent.providers.atlas.calls import PAGE, Call
from agent.providers.atlas.login import TokenRefused
from agent.providers.atlas.replies import ApiError, Page
from agent.providers.atlas.words import in_words

T = TypeVar("T")
Names = Mapping[str, str]
Body = Mapping[str, Any]
PATIENCE = 180.0
"""Seconds in which one thing asked of Atlas must succeed, rate limits and its own errors included."""


class Api:
    """Atlas at `base`, asked as `login` says; `pause` waits between two tries, `clock` says how long it took.

    `now` is the time of Atlas's last answer by its own clock (0 = none yet).
    """

    def __init__(
        self,
        base: str,
        login: httpx.Auth,
        *,
        patience: float = PATIENCE,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = 0.0
        self.pause, self.clock = pause, clock
        self._patience = patience
        self._client = httpx.Client(
            base_url=base,
            auth=login,
            timeout=httpx.Timeout(30.0, connect=10.0),
            headers={"User-Agent": "drillyard"},
            # What lies on this machine is behind no proxy, and authorities are not read for http.
            trust_env=not _is_here(base),
            verify=base.startswith("https:"),
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def get(self, call: Call, kind: type[T], names: Names) -> T:
        """Return what a GET answers; limits and Atlas's own errors are waited out.

        Raises:
            DrillyardError: see `words`.
        """
        return self.patiently(lambda: self.once(call, kind, names))

    def find(self, call: Call, kind: type[T], names: Names) -> T | None:
        """Return what a GET answers, None where there is no such cluster; raises like `get`."""

        def ask() -> T | None:
            try:
                return self.once(call, kind, names)
            except Answered as problem:
                if problem.code in ("CLUSTER_NOT_FOUND", "CLUSTER_NAME_NOT_FOUND"):
                    return None
                raise

        return self.patiently(ask)

    def list(self, call: Call, kind: type[T], names: Names) -> list[T]:
        """Return every item of a list, page after page; raises like `get`."""
        return list(self._pages(call, kind, names))

    def change(
        self, call: Call, kind: type[T], names: Names, body: Body, settle: Callable[[], T | None]
    ) -> tuple[T, bool]:
        """Have something made once, and return it with whether it was found made already.

        Where Atlas fails or goes silent it may have made it all the same, and there is no key to send
        along that would tell. So before every further try `settle` looks for it.

        Raises:
            Answered: Atlas refused, or was still failing when the patience ended.
            Silent: it did not answer in that time.
        """
        doubtful = False

        def ask() -> tuple[T, bool]:
            nonlocal doubtful
            if doubtful and (there := settle()) is not None:
                return there, True
            try:
                return self.once(call, kind, names, body), False
            except Answered as problem:
                doubtful = doubtful or problem.theirs
                raise
            except Silent as problem:
                doubtful = doubtful or problem.sent
                raise

        try:
            return self._tried(ask)
        except (Answered, Silent):
            if doubtful and (there := settle()) is not None:
                return there, True
            raise

    def patiently(self, ask: Callable[[], T]) -> T:
        """Return what `ask` does, tried again while another try could help; raises our errors in words."""
        try:
            return self._tried(ask)
        except (Answered, Silent) as problem:
            raise in_words(problem) from None

    def once(self, call: Call, kind: type[T], names: Names, body: Body | None = None, page: int = 0) -> T:
        """Send one request once; `page` is that of a list.

        Raises:
            Answered: Atlas answered with an error.
            Silent: it did not answer.
        """
        params = {"itemsPerPage": PAGE, "pageNum": page} if page else {}
        headers = {"Accept": call.media_type}
        if body is not None:
            headers["Content-Type"] = call.media_type
        content = None if body is None else msgspec.json.encode(body)
        try:
            response = self._client.request(
                call.method, call.at(names), params=params, headers=headers, content=content
            )
        except TokenRefused as refused:
            response = refused.response
        except httpx.TransportError as error:
            raise Silent(call, _why(error), sent=not isinstance(error, _NEVER_SENT)) from None
        except httpx.InvalidURL as error:
            raise BadInventory(f"The address of the API cannot be used: {error}.") from None
        self._tell(response)
        if response.is_success:
            return _read(call, response, kind)
        raise Answered(call, response.status_code, _error(response), _after(response))

    def _tried(self, ask: Callable[[], T]) -> T:
        end, tries = self.clock() + self._patience, 0
        while True:
            try:
                return ask()
            except (Answered, Silent) as problem:
                tries += 1
                wait = pause_after(problem, tries)
                if wait is None or self.clock() + wait > end:
                    raise
            self.pause(wait)

    def _pages(self, call: Call, kind: type[T], names: Names) -> Iterator[T]:
        for number in itertools.count(1):
            page = self.patiently(partial(self.once, call, Page, names, page=number))
            yield from (_shaped(call, item, kind) for item in page.results)
            if len(page.results) < PAGE:
                return

    def _tell(self, response: httpx.Response) -> None:
        try:
            self.now = parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            self.now = self.now or time.time()


_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def _why(error: httpx.TransportError) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ").rstrip(".")


def _is_here(base: str) -> bool:
    host = urlsplit(base).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _after(response: httpx.Response) -> float | None:
    try:
        return float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def _error(response: httpx.Response) -> ApiError:
    """Return an error in Atlas's words; what stands before it (a gateway, a proxy) has other ones."""
    try:
        said = msgspec.convert(_bare(response.json()), ApiError)
    except (ValueError, msgspec.ValidationError):
        said = ApiError()
    if said.error_code or said.detail:
        return said
    return ApiError(response.status_code, reason=response.reason_phrase or f"HTTP {response.status_code}")


def _read(call: Call, response: httpx.Response, kind: type[T]) -> T:
    if kind is type(None):
        return None
    try:
        data = response.json()
    except ValueError:
        raise StepFailed(
            f"Atlas was asked to {call.what}: expected JSON, found {response.text[:80]!r}.",
            do="Something between this machine and Atlas may have answered in its place.",
        ) from None
    return _shaped(call, data, kind)


def _shaped(call: Call, data: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(_bare(data), kind)
    except msgspec.ValidationError as error:
        raise StepFailed(f"Atlas was asked to {call.what}; its answer has another shape: {error}.") from None


def _bare(data: object) -> object:
    """Return JSON data without what is null: Atlas leaves a field out or sends null, and means the same."""
    if isinstance(data, dict):
        return {key: _bare(value) for key, value in data.items() if value is not None}
    return [_bare(value) for value in data] if isinstance(data, list) else data
