"""What has to be as before once the night is over: the pace of writes, the checklist, the backups."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence

from agent.errors import DrillyardError
from drills.rig.backups import Bench, Resumed
from drills.rig.course import Settings
from drills.rig.pace import FEWEST, Compared, Took, compared, slowed
from drills.rig.probe import Look
from drills.rig.recovery import Recovery
from drills.rig.verdict import Claim


def at_pace(
    took: Sequence[Took],
    between: tuple[float, float],
    settings: Settings,
    yardstick: Sequence[Took] = (),
) -> Compared | None:
    """Hold writes since the recovery against those before the strike, until they are close or time is up.

    `took` is being added to meanwhile, and so is `yardstick`, which tells how fast the machine is. `between`
    is from when a steady state was proved to the strike, in monotonic seconds: how far the pace swings by
    itself is taken from there. None where too few writes tell.
    """
    steady, struck = between
    began = time.monotonic()
    since = began - settings.after
    earlier = [each for each in took if each.ended < struck]
    # On a busy machine a slow service is written to a few times in that while: then longer ago counts too.
    before = [each for each in earlier if struck - settings.before <= each.sent]
    before = before if len(before) >= _ENOUGH else earlier[-_ENOUGH:]
    calm = [each for each in earlier if each.sent >= steady]
    asked = [each for each in yardstick if steady <= each.sent and each.ended < struck]
    while True:
        after = [each for each in took if each.sent >= since]
        now = [each for each in yardstick if each.sent >= since]
        found = compared(before, after, settings.slower, calm, slowed(asked, now[-len(asked) :]))
        if (found and found.close) or time.monotonic() >= began + settings.settle:
            return found
        _pause.wait(0.1)


def served(looks: Sequence[Look], since: float) -> Claim:
    """Return the claim that users are served, where the agent had ended well and they were not seen to be."""
    failed = [look for look in looks if look.began >= since and not look.ok]
    if not failed:
        return Claim("served again", "unknown", "Whether users are served again could not be told.")
    said = (
        f"The agent has ended as if all were well, and users are not served: {failed[-1].error.rstrip('.')}."
    )
    return Claim("served again", "broken", said)


def performance(found: Compared | None) -> Claim:
    """Return what the comparison claims."""
    if found is None:
        return Claim("performance", "unknown", "Too few writes tell how fast users are served.")
    return found.claim()


def ticked(recovery: Recovery) -> Iterator[Claim]:
    """Yield a claim for each item of the checklist that the agent's run checked, none for people's."""
    end = next((each.event for each in reversed(recovery.told) if each.event.get("event") == "end"), {})
    for item, tick in zip(end.get("after", ()), end.get("ticks", ()), strict=False):
        if tick["state"] == "ticked":
            yield Claim(f"checklist: {item}", "held", f"On the checklist, checked: {item}")
        elif tick["state"] == "unticked":
            said = f"On the checklist, and does not hold: {item} {tick['sentence']}"
            yield Claim(f"checklist: {item}", "broken", said)


def gone_on(resumed: Resumed, bench: Bench) -> Iterable[Claim]:
    """Return whether backups go on; what could not find out is not taken for a yes."""
    try:
        return tuple(resumed(bench))
    except DrillyardError as error:
        return (Claim("backups go on", "unknown", f"Whether backups go on could not be told. {error}"),)


_ENOUGH = 2 * FEWEST

# The writer goes on meanwhile; what is waited for are more of its writes.
_pause = threading.Event()
