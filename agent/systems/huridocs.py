"""Huridocs, which reads the layout of PDFs for an application: asked whether it serves. It keeps nothing.

In the inventory: `health`, the URL that says so, as its own host reaches it (`http://huridocs:5060/info`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from agent.errors import ProofFailed
from agent.inventory.model import Service
from agent.payload.bundle import program
from agent.systems import DOWN, Symptom, Vitals
from agent.transport.ask import Action, Done, Sh

SYMPTOMS = {
    "huridocs.down": Symptom("huridocs.down", DOWN, "Huridocs does not answer", "Huridocs가 응답하지 않음"),
}


@dataclass(frozen=True)
class Huridocs:
    """One Huridocs; an answer of it is waited for at most `seconds`."""

    host: str
    health: str
    seconds: int = 5
    python: str = "python3"

    @classmethod
    def of(cls, service: Service) -> Huridocs:
        """Read the settings of an inventory's service; raises BadInventory."""
        return cls(
            service.host,
            service.text("health"),
            service.number("seconds", cls.seconds),
            service.text("python", cls.python),
        )


def status(huridocs: Huridocs) -> Action[str]:
    """Return what keeps it from serving, or ""."""
    words = msgspec.json.encode({"health": huridocs.health, "seconds": huridocs.seconds}).decode()
    done: Done = yield Sh(huridocs.python, "-I", "-", words, stdin=program("data_facts"))
    answer = msgspec.json.decode(done.out)["health"]
    well = 200 <= answer["status"] < 300
    return "" if well else answer["detail"] or f"it answers {answer['status']}"


def prove(huridocs: Huridocs) -> Action[None]:
    """Prove that it serves.

    Raises:
        ProofFailed: it does not; the sentence says what came instead.
    """
    if wrong := (yield from status(huridocs)):
        raise ProofFailed(
            f"{huridocs.host}: expected Huridocs to answer at {huridocs.health}, found: {wrong}."
        )


def diagnose(huridocs: Huridocs) -> Action[Vitals]:
    """Look at it; a sound one has no symptom."""
    wrong = yield from status(huridocs)
    symptoms = (replace(SYMPTOMS["huridocs.down"], evidence=wrong),) if wrong else ()
    return Vitals(up=not wrong, reads=not wrong, writes=not wrong, data="-", symptoms=symptoms, backup="")
