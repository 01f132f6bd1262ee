"""Ollama, which makes vectors of text for an application: asked whether it serves. It keeps no users' data.

In the inventory: `health`, the URL that says so, as its own host reaches it (`http://ollama:11434/api/version`).
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
    "ollama.down": Symptom("ollama.down", DOWN, "Ollama does not answer", "Ollama가 응답하지 않음"),
}


@dataclass(frozen=True)
class Ollama:
    """One Ollama; an answer of it is waited for at most `seconds`."""

    host: str
    health: str
    seconds: int = 5
    python: str = "python3"

    @classmethod
    def of(cls, service: Service) -> Ollama:
        """Read the settings of an inventory's service; raises BadInventory."""
        return cls(
            service.host,
            service.text("health"),
            service.number("seconds", cls.seconds),
            service.text("python", cls.python),
        )


def status(ollama: Ollama) -> Action[str]:
    """Return what keeps it from serving, or ""."""
    words = msgspec.json.encode({"health": ollama.health, "seconds": ollama.seconds}).decode()
    done: Done = yield Sh(ollama.python, "-I", "-", words, stdin=program("data_facts"))
    answer = msgspec.json.decode(done.out)["health"]
    well = 200 <= answer["status"] < 300
    return "" if well else answer["detail"] or f"it answers {answer['status']}"


def prove(ollama: Ollama) -> Action[None]:
    """Prove that it serves.

    Raises:
        ProofFailed: it does not; the sentence says what came instead.
    """
    wrong = yield from status(ollama)
    if wrong:
        where = f"{ollama.host}: expected Ollama to answer at {ollama.health}"
        raise ProofFailed(f"{where}, found: {wrong}.")


def diagnose(ollama: Ollama) -> Action[Vitals]:
    """Look at it; a sound one has no symptom."""
    wrong = yield from status(ollama)
    symptoms = (replace(SYMPTOMS["ollama.down"], evidence=wrong),) if wrong else ()
    return Vitals(up=not wrong, reads=not wrong, writes=not wrong, data="-", symptoms=symptoms, backup="")
