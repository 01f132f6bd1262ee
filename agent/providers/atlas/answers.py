"""How a request to Atlas can go wrong, and when it may be sent again; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.providers.atlas.calls import Call
from agent.providers.atlas.replies import ApiError

LONGEST = 60.0
"""Most seconds between two tries where Atlas does not say how long to wait."""

_AFTER = re.compile(r"retry after (\d+) seconds", re.IGNORECASE)


@dataclass
class Answered(Exception):
    """Atlas answered with an error; `after` is what its Retry-After said, in seconds."""

    call: Call
    status: int
    said: ApiError
    after: float | None = None

    @property
    def code(self) -> str:
        """Atlas's own word for it, such as CLUSTER_NOT_FOUND; "" where the answer was no JSON."""
        return self.said.error_code

    @property
    def limited(self) -> bool:
        """Whether nothing was done because too much was asked."""
        return self.status == 429

    @property
    def theirs(self) -> bool:
        """Whether Atlas itself went wrong: it may have done what it was asked all the same."""
        return self.status >= 500


@dataclass
class Silent(Exception):
    """No answer came; `sent` is False where the request certainly never reached Atlas."""

    call: Call
    why: str
    sent: bool


def pause_after(problem: Answered | Silent, tries: int) -> float | None:
    """Return the seconds to wait before the next try, or None where another would end the same way.

    `tries` is how many there were. Whether a request that may have been carried out is sent again is for its
    caller, who can look whether it was.
    """
    backoff = min(LONGEST, 0.5 * 2.0**tries)
    if isinstance(problem, Silent) or problem.theirs:
        return backoff
    return _wished(problem) or backoff if problem.limited else None


def _wished(problem: Answered) -> float | None:
    """Return how long Atlas says to wait: in the header, which may be missing, or in its words."""
    if problem.after is not None:
        return problem.after
    found = _AFTER.search(problem.said.detail)
    return float(found[1]) if found else None
