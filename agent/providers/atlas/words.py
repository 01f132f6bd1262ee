"""What Atlas's refusals mean for the person who reads them, and which of our errors each is; pure.

Codes: https://www.mongodb.com/docs/atlas/reference/api-errors, and what its clients were seen to meet.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import (
    ContactLost,
    DrillyardError,
    Locked,
    NoBackup,
    NotFound,
    NotInTime,
    Refused,
    ServiceRefused,
    StepFailed,
    Unreachable,
)
from agent.providers.atlas.answers import Answered, Silent

_NOT_HERE = (
    "IP_ADDRESS_NOT_ON_ACCESS_LIST",
    "IP_ADDRESS_NOT_ON_WHITELIST",
    "RESOURCE_REQUIRES_ACCESS_LIST",
    "RESOURCE_REQUIRES_WHITELIST",
    "ORG_REQUIRES_ACCESS_LIST",
    "ORG_REQUIRES_WHITELIST",
)
_NOT_YOU = ("CANNOT_RESTORE_TO_TARGET", "ACCESS_FORBIDDEN", "USER_CANNOT_ACCESS_GROUP", "NOT_IN_GROUP")
_NO_PROJECT = ("GROUP_NOT_FOUND", "INVALID_GROUP_ID")
# Atlas spells the first with a zero.
_NO_MOMENT = (
    "UNABLE_T0_FIND_SNAPSHOT_PRIOR_TO_PIT_RESTORE_OPTIME",
    "UNABLE_TO_FIND_SNAPSHOT_PRIOR_TO_PIT_RESTORE_OPTIME",
    "NO_CHECKPOINT_FOR_PIT_RESTORE",
    "SNAPSHOT_NOT_FOUND",
    "INVALID_SNAPSHOT_ID",
    "CANNOT_START_RESTORE_JOB_FOR_DELETED_SNAPSHOT",
)
_NO_ROOM = ("OUT_OF_CAPACITY", "NO_CAPACITY", "REGION_UNAVAILABLE")
_BUSY = ("ATLAS_CLUSTER_RESTORE_IN_PROGRESS", "CLUSTER_RESTORE_IN_PROGRESS_CANNOT_UPDATE")
PROTECTED = "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED"


def in_words(problem: Answered | Silent) -> DrillyardError:
    """Return the error a person can do something about."""
    if isinstance(problem, Silent):
        return _silent(problem)
    for codes, say in _BY_CODE:
        if problem.code in codes:
            return say(problem)
    if problem.limited:
        return NotInTime(
            f"Atlas was asked to {problem.call.what} and lets no more requests through: {_said(problem)}.",
            do="Wait a minute and resume; others may be asking with the same credentials.",
        )
    if problem.status == 401:
        return _credentials(problem)
    if problem.status == 403:
        return _role(problem)
    if problem.theirs:
        return StepFailed(
            f"Atlas was asked to {problem.call.what} and went wrong itself, repeatedly: {_said(problem)}.",
            do="See https://status.cloud.mongodb.com, and resume: what was begun there is found again.",
        )
    return StepFailed(f"Atlas was asked to {problem.call.what} and refused: {_said(problem)}.")


def _silent(problem: Silent) -> DrillyardError:
    if problem.sent and problem.call.method != "GET":
        return ContactLost(
            f"Atlas was asked to {problem.call.what} and did not answer, so whether it did is not known: "
            f"{problem.why}.",
            do="Resume: the run asks Atlas first what there is by now.",
        )
    return Unreachable(
        f"Atlas could not be asked to {problem.call.what}: {problem.why}.",
        do="See whether this machine reaches cloud.mongodb.com on port 443, proxy included.",
    )


def _here(problem: Answered) -> DrillyardError:
    return ServiceRefused(
        f"Atlas answers nobody from this machine's address: {_said(problem)}.",
        do="Add the address to the API access list of the service account or API key. That list is another "
        "one than the project's network access, which is for clients of the databases.",
    )


def _role(problem: Answered) -> DrillyardError:
    return ServiceRefused(
        f"Atlas was asked to {problem.call.what}, and these credentials may not: {_said(problem)}.",
        do=f"Give the service account or API key the role {problem.call.role} in the project.",
    )


def _credentials(problem: Answered) -> DrillyardError:
    # A known account without the role is a 401 with this code too; an unknown one has no code at all.
    if problem.code == "USER_UNAUTHORIZED":
        return _role(problem)
    return ServiceRefused(
        f"Atlas does not accept the credentials of the inventory: {_said(problem)}.",
        do="Correct client_id and client_secret (or public_key and private_key); a secret may have expired.",
    )


def _project(problem: Answered) -> DrillyardError:
    return NotFound(
        f"Atlas knows no such project: {_said(problem)}.",
        do="`project` is the 24 hexadecimal digits in the address of the project's page.",
    )


def _cluster(problem: Answered) -> DrillyardError:
    return NotFound(f"Atlas was asked to {problem.call.what}: {_said(problem)}.")


def _moment(problem: Answered) -> DrillyardError:
    return NoBackup(f"Atlas cannot restore that: {_said(problem)}.")


def _room(problem: Answered) -> DrillyardError:
    return StepFailed(
        f"Atlas has no room for the cluster: {_said(problem)}.",
        do="Name another `region` or `tier` in the inventory. A spare made beforehand has its room.",
    )


def _busy(problem: Answered) -> DrillyardError:
    return Locked(
        f"Atlas is restoring into that cluster already: {_said(problem)}.",
        do="Wait for it, or cancel it in Atlas if nobody wants it; then resume.",
    )


def _protected(problem: Answered) -> DrillyardError:
    return Refused(
        f"Atlas keeps the cluster from being deleted: {_said(problem)}.",
        do="Take its termination protection off in Atlas, if it is to go.",
    )


def _said(problem: Answered) -> str:
    """Return Atlas's own words with its code, the fields it complains of among them."""
    said = problem.said
    words = (said.detail or said.reason or f"HTTP {problem.status}").strip().rstrip(".")
    fields = said.bad_request_detail.fields if said.bad_request_detail else ()
    words += "".join(f"; {each.field}: {each.description.rstrip('.')}" for each in fields)
    return f"{words} ({said.error_code or problem.status})"


_BY_CODE: tuple[tuple[tuple[str, ...], Callable[[Answered], DrillyardError]], ...] = (
    (_NOT_HERE, _here),
    (_NOT_YOU, _role),
    (_NO_PROJECT, _project),
    (("CLUSTER_NOT_FOUND", "CLUSTER_NAME_NOT_FOUND", "RESTORE_JOB_NOT_FOUND", "INVALID_JOB_ID"), _cluster),
    (_NO_MOMENT, _moment),
    (_NO_ROOM, _room),
    (_BUSY, _busy),
    ((PROTECTED,), _protected),
)
