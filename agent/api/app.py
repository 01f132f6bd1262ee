"""The routes, as an ASGI application that any server runs or any other application mounts."""

from __future__ import annotations

import os
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as Unrouted

from agent import __version__
from agent.api import problems
from agent.api.answers import (
    BackupId,
    BackupOrder,
    BackupSeen,
    Cursor,
    Health,
    History,
    Key,
    Moment,
    OperationId,
    OperationSeen,
    ProblemSeen,
    RestoreOrder,
)
from agent.api.desk import Asked, Desk
from agent.api.gate import Gate, Keeper
from agent.api.operations import Operation
from agent.api.problems import Problem
from agent.api.progress import steps_of
from agent.api.tokens import SCOPES, Token
from agent.backup.choose import moment
from agent.backup.model import DEPTHS, Backup
from agent.errors import DrillyardError
from agent.record.audit import NAME as AUDIT

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description=f"Made by `drillyard token add`, for one or several of: {', '.join(SCOPES)}.",
)
_LEAST = 1 << 20


def create_app(desk: Desk, keeper: Keeper) -> FastAPI:
    """Return the API of the desk's ward; whoever mounts it calls `desk.take_up()` once before."""
    app = FastAPI(
        title="Drillyard Admin API",
        version=__version__,
        description=f"Backups and restores of {desk.ward.system} on {desk.ward.name}.",
        docs_url=None,
        redoc_url=None,
    )
    for kind, handler in _ANSWERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Gate, keeper=keeper)
    _health(app, desk, keeper)
    _looks(app, desk)
    _changes(app, desk)
    return app


class Filter(BaseModel):
    """Which backups of the history, and how many of them at a time."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(pattern=r"^[a-z]{0,20}$", description="Only of this kind.")] = ""
    verified: Annotated[
        Literal["", "checksum", "opens", "restored"],
        Field(description="Only those verified at least so deep."),
    ] = ""
    since: Annotated[Moment | None, Field(description="Only those taken at or after this moment.")] = None
    until: Annotated[Moment | None, Field(description="Only those taken before this moment.")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[Cursor | Literal[""], Field(description="`next` of the page before.")] = ""

    def fits(self, backup: Backup) -> bool:
        """Whether a backup is one of those."""
        taken = moment(backup.taken_at)
        depth = DEPTHS.index(backup.verified.depth) if backup.verified else -1
        return (
            self.kind in ("", backup.kind)
            and (not self.verified or depth >= DEPTHS.index(self.verified))
            and (self.since is None or (taken is not None and taken >= self.since))
            and (self.until is None or (taken is not None and taken < self.until))
        )


def needs(scope: str) -> Callable[..., Token]:
    """Return what sees that the caller's token is for that scope ("" = it is a token)."""

    def caller(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> Token:
        token: Token = request.state.caller
        if scope:
            _insist(token, scope)
        return token

    return caller


def _insist(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        raise Problem(
            403,
            "scope",
            f"{token.name} is for {', '.join(token.scopes)}, and this needs {scope}.",
            WWW_Authenticate=f'Bearer error="insufficient_scope", scope="{scope}"',
        )


def _health(app: FastAPI, desk: Desk, keeper: Keeper) -> None:
    @app.get("/health", responses={503: {"model": Health}, **_problems(429)})
    def health(response: Response) -> Health:
        """Say whether this server can work: not whether the service does, which that one says itself."""
        found = {
            "inventory": _works(desk.ward.host),
            "tokens": _works(keeper.tokens.read),
            "audit": _works(lambda: _writable(keeper)),
        }
        response.status_code = 200 if all(found.values()) else 503
        return Health(status="ok" if all(found.values()) else "down", **found)


def _looks(app: FastAPI, desk: Desk) -> None:
    @app.get("/admin/backup/history", responses=_problems(401, 403, 409, 422, 429, 503))
    def history(wanted: Annotated[Filter, Query()], _: Annotated[Token, Depends(needs("read"))]) -> History:
        """List the backups, the newest first. Scope: read."""
        found = [each for each in desk.ward.history() if wanted.fits(each)]
        found.sort(key=lambda each: (each.taken_at, each.id), reverse=True)
        behind = wanted.cursor.partition("~")
        left = [each for each in found if not wanted.cursor or (each.taken_at, each.id) < behind[::2]]
        shown = left[: wanted.limit]
        more = len(left) > len(shown)
        return History(
            host=desk.ward.name,
            system=desk.ward.system,
            total=len(found),
            backups=[BackupSeen.of(each) for each in shown],
            next=f"{shown[-1].taken_at}~{shown[-1].id}" if more else "",
        )

    @app.get("/admin/operations/{id}", responses=_problems(401, 403, 404, 422, 429, 503))
    def operation(id: OperationId, caller: Annotated[Token, Depends(needs(""))]) -> OperationSeen:  # noqa: A002
        """Say how an operation is. Scope: read, or the token that began it."""
        if not desk.book.is_of(id, caller.id):
            _insist(caller, "read")
        return _seen(desk, desk.book.find(id))


def _changes(app: FastAPI, desk: Desk) -> None:
    accepted: dict[int | str, dict[str, Any]] = {
        202: {"headers": {"Location": {"description": "The operation.", "schema": {"type": "string"}}}},
    }
    others = _problems(401, 403, 404, 408, 409, 413, 422, 429, 503)

    @app.post("/admin/backup/restore/{id}", status_code=202, responses={**accepted, **others})
    def restore(
        id: BackupId,  # noqa: A002
        request: Request,
        response: Response,
        caller: Annotated[Token, Depends(needs("restore"))],
        order: RestoreOrder | None = None,
        idempotency_key: Annotated[Key | None, Header()] = None,
    ) -> OperationSeen:
        """Begin to put a backup back; the answer is the operation. Scope: restore."""
        meant = order or RestoreOrder()
        asked = Asked(caller, request.state.peer, meant.reason, idempotency_key or "")
        return _begun(desk, desk.restore(asked, id, meant.confirm), request, response)

    @app.post("/admin/backup", status_code=202, responses={**accepted, **others})
    def take(
        request: Request,
        response: Response,
        caller: Annotated[Token, Depends(needs("backup"))],
        order: BackupOrder | None = None,
        idempotency_key: Annotated[Key | None, Header()] = None,
    ) -> OperationSeen:
        """Begin to take a backup and verify it; the answer is the operation. Scope: backup."""
        meant = order or BackupOrder()
        asked = Asked(caller, request.state.peer, meant.reason, idempotency_key or "")
        return _begun(desk, desk.take(asked, meant.kind), request, response)


def _begun(desk: Desk, operation: Operation, request: Request, response: Response) -> OperationSeen:
    response.headers["Location"] = request.url_for("operation", id=operation.id).path
    return _seen(desk, operation)


def _seen(desk: Desk, operation: Operation) -> OperationSeen:
    steps = steps_of(desk.ward.runs / operation.run) if operation.run else ()
    return OperationSeen.of(operation, steps)


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {problems.MEDIA: {"schema": ProblemSeen.model_json_schema()}}
    return {each: {"content": content, "description": HTTPStatus(each).phrase} for each in statuses}


def _works(look: Callable[[], Any]) -> bool:
    try:
        look()
    except (DrillyardError, OSError):
        return False
    return True


def _writable(keeper: Keeper) -> None:
    audit = keeper.runs / AUDIT
    place = audit if audit.exists() else keeper.runs
    room = os.statvfs(keeper.runs)
    if not os.access(place, os.W_OK) or room.f_bavail * room.f_frsize < _LEAST:
        raise OSError(f"{place} takes nothing more")


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # What was sent is not told back: it may be a token in the wrong place.
    wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])
    return _problem(request, Problem(422, "invalid", wrong[:1000]))


def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unrouted)
    kind = {404: "not-found", 405: "method"}.get(error.status_code, "invalid")
    problem = Problem(error.status_code if kind != "invalid" else 422, kind)
    problem.headers.update(error.headers or {})
    return _problem(request, problem)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problems.answer(error, problems.language_of(request.headers))


def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, DrillyardError)
    return _problem(request, problems.of_error(error))


def _not_kept(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return _problem(request, Problem(503, "unreachable", f"It could not be written down: {error.strerror}."))


_ANSWERS: dict[type[Exception], Callable[[Request, Exception], Response]] = {
    RequestValidationError: _invalid,
    Unrouted: _unrouted,
    Problem: _problem,
    DrillyardError: _of_ours,
    OSError: _not_kept,
}
