"""What went wrong, as `application/problem+json` (RFC 9457), its title in the caller's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from agent import errors
from agent.api.desk import KeyReused
from agent.errors import DrillyardError
from agent.language import Language, Words, say
from agent.secrets import mask

MEDIA = "application/problem+json"

TITLES = {
    "unauthorized": Words("No token that is known here was given.", "등록된 토큰이 아닙니다."),
    "scope": Words("The token is not for this.", "이 토큰에는 권한이 없습니다."),
    "refused": Words(
        "A guard rail held; nothing was touched.", "안전장치가 막았습니다. 변경된 것은 없습니다."
    ),
    "not-found": Words("There is no such thing.", "찾을 수 없습니다."),
    "method": Words("That cannot be done with it.", "지원하지 않는 메서드입니다."),
    "busy": Words("Something is at work on the service.", "이미 다른 작업이 진행 중입니다."),
    "damaged": Words("That backup cannot be relied on.", "신뢰할 수 없는 백업입니다."),
    "invalid": Words("The request makes no sense.", "요청이 올바르지 않습니다."),
    "key-reused": Words(
        "That idempotency key was used for something else.", "다른 요청에 이미 쓰인 Idempotency-Key입니다."
    ),
    "too-large": Words("The body is too large.", "요청 본문이 너무 큽니다."),
    "too-slow": Words("The body did not arrive.", "요청 본문이 도착하지 않았습니다."),
    "too-many": Words("Too many calls; wait.", "요청이 너무 많습니다. 잠시 후 다시 시도하십시오."),
    "unreachable": Words("It could not be looked at or begun.", "확인하거나 시작할 수 없습니다."),
    "defect": Words("This program went wrong.", "프로그램 오류입니다."),
}

_KINDS: tuple[tuple[type[Exception], int, str], ...] = (
    (KeyReused, 422, "key-reused"),
    (errors.Usage, 422, "invalid"),
    (errors.NotFound, 404, "not-found"),
    (errors.NoBackup, 404, "not-found"),
    (errors.Refused, 403, "refused"),
    (errors.Locked, 409, "busy"),
    (errors.BackupDamaged, 409, "damaged"),
    (DrillyardError, 503, "unreachable"),
)


class Problem(Exception):
    """An answer that is none of the good ones."""

    def __init__(self, status: int, kind: str, detail: str = "", **headers: str) -> None:
        """`kind` is one of TITLES; `detail` says what is the matter here."""
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def of_error(error: DrillyardError) -> Problem:
    """Return the answer to an error of ours."""
    status, kind = next((status, kind) for of, status, kind in _KINDS if isinstance(error, of))
    return Problem(status, kind, str(error))


def language_of(headers: Mapping[str, str]) -> Language:
    """Return the language that a caller asks for by Accept-Language: Korean where it comes first."""
    return "ko" if headers.get("accept-language", "").strip().lower().startswith("ko") else "en"


def answer(problem: Problem, language: Language) -> JSONResponse:
    """Return a problem as a response; no secret that was revealed so far stands in it."""
    body: dict[str, Any] = {
        "type": f"urn:drillyard:{problem.kind}",
        "title": say(TITLES[problem.kind], language),
        "status": problem.status,
        "detail": mask(problem.detail),
    }
    return JSONResponse(body, problem.status, problem.headers, media_type=MEDIA)
