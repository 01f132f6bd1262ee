"""What goes in and out, as OpenAPI has it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from agent.api.operations import Operation
from agent.api.progress import StepSeen
from agent.backup.model import Backup

BACKUP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_ID = rf"^{BACKUP_ID.pattern}$"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_LINE = r"^[^\x00-\x1f\x7f]*$"


def _written_out(text: object) -> object:
    """Return a moment that is written as RFC 3339 has it, and no number of seconds."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError("expected a moment with its offset, such as 2025-01-19T14:00:00+09:00")
    return text


BackupId = Annotated[str, Field(pattern=_ID, max_length=100, examples=["unified_20250120_030000"])]
OperationId = Annotated[str, Field(pattern=r"^op_[0-9a-f]{24}$", max_length=27)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
Cursor = Annotated[str, Field(pattern=r"^[0-9T:.+Z-]{1,40}~[A-Za-z0-9_-]{1,100}$", max_length=141)]
Key = Annotated[
    str,
    Field(
        pattern=r"^[\x21-\x7e]{1,128}$",
        max_length=128,
        description="Asked again under the same key of the same token it is the same operation, also after "
        "a restart of the server; kept for 90 days.",
    ),
]
Reason = Annotated[str, Field(pattern=_LINE, max_length=200, description="Why, for the audit.")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RestoreOrder(_Strict):
    """The body of a restore; it may be left out where the host is no production host."""

    confirm: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_.:-]*$",
            max_length=255,
            description="The inventory's name of the host that is meant; a production host has to be named.",
        ),
    ] = ""
    reason: Reason = ""


class BackupOrder(_Strict):
    """The body of a backup to be taken; it may be left out."""

    kind: Annotated[
        str, Field(pattern=r"^[a-z]*$", max_length=20, description="daily, weekly or hourly.")
    ] = ""
    reason: Reason = ""


class BackupSeen(_Strict):
    """One backup of the history. `taken_at` is UTC."""

    id: str
    kind: str
    taken_at: str
    bytes: int
    contents: dict[str, int]
    parent: str
    verified: Literal["", "checksum", "opens", "restored"]
    verified_at: str
    fault: str
    breaks: str
    shipped: dict[str, str]

    @classmethod
    def of(cls, backup: Backup) -> BackupSeen:
        """Return what of a backup is told: all but where it lies."""
        proof = backup.verified
        return cls(
            id=backup.id,
            kind=backup.kind,
            taken_at=backup.taken_at,
            bytes=backup.total,
            contents=backup.contents,
            parent=backup.parent,
            verified=proof.depth if proof else "",
            verified_at=proof.at if proof else "",
            fault=backup.fault,
            breaks=backup.breaks,
            shipped=backup.shipped,
        )


class History(_Strict):
    """A page of the history, the newest first; `next` is the cursor of the page after it ("" = none)."""

    host: str
    system: str
    total: int
    backups: list[BackupSeen]
    next: str


class Step(_Strict):
    """One step of the restore: `state` is started, done, failed, skipped, unknown or undone; `at` is UTC."""

    step: str
    state: str
    at: str


class OperationSeen(_Strict):
    """An operation. `state` unknown or stopped: `resume` is the command line that goes on with it by hand."""

    id: str
    kind: Literal["restore", "backup"]
    host: str
    system: str
    state: Literal["running", "stopped", "done", "failed", "unknown"]
    backup: str
    by: str
    reason: str
    begun: str
    ended: str
    run: str
    sentence: str
    resume: str
    lives: int
    steps: list[Step]

    @classmethod
    def of(cls, operation: Operation, steps: tuple[StepSeen, ...]) -> OperationSeen:
        """Return what of an operation is told."""
        by_hand = operation.state in ("unknown", "stopped") and operation.run
        return cls(
            id=operation.id,
            kind=operation.kind,
            host=operation.host,
            system=operation.system,
            state=operation.state,
            backup=operation.backup,
            by=operation.by,
            reason=operation.reason,
            begun=operation.begun,
            ended=operation.ended,
            run=operation.run,
            sentence=operation.sentence,
            resume=f"drillyard resume {operation.run}" if by_hand else "",
            lives=operation.lives,
            steps=[Step(step=each.step, state=each.state, at=each.at) for each in steps],
        )


class Health(_Strict):
    """How this server is, and nothing about the service: ask that one's own health check."""

    status: Literal["ok", "down"]
    inventory: bool
    tokens: bool
    audit: bool


class ProblemSeen(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
