"""Limits and Atlas's own errors are waited out, for so long; what nobody can help is said at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import NotFound, NotInTime, StepFailed, Unreachable
from agent.providers.atlas.answers import Answered, Silent, pause_after
from agent.providers.atlas.api import Api
from agent.providers.atlas.calls import CREATE_RESTORE, GET_CLUSTER
from agent.providers.atlas.clusters import look
from agent.providers.atlas.replies import ApiError
from agent.providers.atlas.words import in_words
from drills.standins.atlas import Atlas
from drills.standins.atlas.world import Refusal
from tests.providers.conftest import Clock

Made = Callable[..., Api]
Spec = Callable[..., dict[str, Any]]
BUSY = Refusal(500, "UNEXPECTED_ERROR", "Unexpected error.")
SAID = "Rate limit exceeded for api/atlas/v2/orgs. Please retry after 55 seconds. Request capacity: 10."


@pytest.mark.parametrize("say_after", [True, False], ids=["Retry-After", "no Retry-After"])
def test_a_rate_limit_is_waited_out(
    fake: Atlas, api: Made, spec: Spec, clock: Clock, say_after: bool
) -> None:
    """As long as Atlas says, in the header or in its words; then the request goes through."""
    fake.guard.capacity, fake.guard.refill, fake.guard.say_after = 3, 3, say_after
    assert look(api(), spec()).cluster is not None
    assert 55 <= clock.waited <= 125


def test_a_rate_limit_that_does_not_end_is_said(fake: Atlas, api: Made, spec: Spec) -> None:
    """Past its patience the run stops, and says that resuming helps."""
    fake.trouble("clusters", refusal=Refusal(429, "RATE_LIMITED_TOKEN_BUCKET", SAID), times=99)
    with pytest.raises(NotInTime, match="lets no more requests through") as late:
        look(api(), spec())
    assert "resume" in late.value.do


def test_tokens_are_limited_too(fake: Atlas, api: Made, spec: Spec, clock: Clock) -> None:
    """A 429 on the way to a token is waited out like any other."""
    fake.trouble("oauth", refusal=Refusal(429, "RATE_LIMITED", "", headers={"Retry-After": "7"}))
    assert look(api(), spec()).cluster is not None
    assert clock.waited == 7


@pytest.mark.parametrize(
    ("status", "said", "after", "tries", "expected"),
    [
        (429, "", 55.0, 1, 55.0),
        (429, SAID, None, 1, 55.0),
        (429, "", None, 1, 1.0),
        (429, "", None, 3, 4.0),
        (429, "", None, 30, 60.0),
        (500, "", None, 2, 2.0),
        (503, "", None, 1, 1.0),
        (400, "", None, 1, None),
        (404, "", None, 1, None),
        (401, "", None, 1, None),
    ],
)
def test_how_long_to_wait(
    status: int, said: str, after: float | None, tries: int, expected: float | None
) -> None:
    """What Atlas says, else longer each time, up to a minute; what is refused is not asked again."""
    problem = Answered(GET_CLUSTER, status, ApiError(status, detail=said), after)
    assert pause_after(problem, tries) == expected


def test_atlas_s_own_errors_are_waited_out(fake: Atlas, api: Made, spec: Spec) -> None:
    """A 500 that passes is none."""
    fake.trouble("GET .*/chat$", refusal=BUSY, times=3)
    assert look(api(), spec()).cluster is not None


def test_an_error_that_stays_is_said(fake: Atlas, api: Made, spec: Spec) -> None:
    """A 500 that stays names Atlas's own words and where its state is told."""
    fake.trouble("GET .*/chat$", refusal=BUSY, times=99)
    with pytest.raises(StepFailed, match="went wrong itself, repeatedly: Unexpected error") as failed:
        look(api(), spec())
    assert "status.cloud.mongodb.com" in failed.value.do


@pytest.mark.parametrize("how", ["drop", "drop first"])
def test_a_dropped_connection_is_asked_again(fake: Atlas, api: Made, spec: Spec, how: Any) -> None:
    """A read may always be asked again."""
    fake.trouble("GET .*/chat$", how)
    assert look(api(), spec()).cluster is not None


def test_nobody_there(fake: Atlas, clock: Clock, spec: Spec) -> None:
    """No connection at all is unreachable, and says what to look at."""
    from agent.providers.atlas.login import api_key

    with (
        Api("http://127.0.0.1:1", api_key("x", "yyyyyyyy"), pause=clock.pause, clock=clock) as one,
        pytest.raises(Unreachable, match="could not be asked to tell of a cluster"),
    ):
        look(one, spec())
    assert clock.waited > 60


def test_another_project_is_named_as_unknown(api: Made, spec: Spec) -> None:
    """A project that is not there is no missing cluster."""
    with pytest.raises(NotFound, match="knows no such project"):
        look(api(), spec(project="0" * 24))


def test_what_is_no_answer_of_atlas_is_said(fake: Atlas, api: Made, spec: Spec) -> None:
    """A gateway that answers in its place is not taken for Atlas."""
    fake.trouble("GET .*/chat$", refusal=Refusal(403, "", ""))
    with pytest.raises(Exception, match="Forbidden"):
        look(api(), spec())


@pytest.mark.parametrize(
    ("code", "status", "kind", "words"),
    [
        ("CANNOT_RESTORE_TO_TARGET", 403, "ServiceRefused", "Project Backup Manager"),
        ("UNABLE_T0_FIND_SNAPSHOT_PRIOR_TO_PIT_RESTORE_OPTIME", 404, "NoBackup", "cannot restore that"),
        ("ATLAS_CLUSTER_RESTORE_IN_PROGRESS", 409, "Locked", "already"),
        ("OUT_OF_CAPACITY", 409, "StepFailed", "has no room"),
        ("REGION_UNAVAILABLE", 409, "StepFailed", "another `region`"),
        ("ORG_REQUIRES_ACCESS_LIST", 403, "ServiceRefused", "API access list"),
        ("NO_PAYMENT_INFORMATION_FOUND", 402, "StepFailed", "NO_PAYMENT_INFORMATION_FOUND"),
        ("INVALID_ATTRIBUTE", 400, "StepFailed", "refused: words (INVALID_ATTRIBUTE)"),
        ("CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED", 400, "Refused", "protection"),
    ],
)
def test_refusals_mean_something(code: str, status: int, kind: str, words: str) -> None:
    """Each is the error a person can do something about, with Atlas's own code in it."""
    error = in_words(Answered(CREATE_RESTORE, status, ApiError(status, code, detail="words")))
    assert type(error).__name__ == kind
    assert words in str(error)


def test_a_change_without_an_answer_is_unknown_not_failed() -> None:
    """Whether it was done is not known, and the sentence says that the resume finds out."""
    error = in_words(Silent(CREATE_RESTORE, "ReadTimeout", sent=True))
    assert type(error).__name__ == "ContactLost"
    assert "Resume" in str(error)
