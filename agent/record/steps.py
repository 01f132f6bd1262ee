"""One step on one host, as the journal knows it: what was asked, what was answered, what is in flight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import BadJournal
from agent.record.journal import Journal
from agent.transport.ask import Answer, Ask, Done, digest

Past = Mapping[int, tuple[str, Answer]]


@dataclass
class StepRecord:
    """Keeps the asks of one step on one host; the `Record` that `perform` writes to.

    `past` holds what was answered before the controller died: number -> (digest, answer). `before_ask` is
    called before anything is sent and may raise to end the run there. `changed` tells whether any ask
    that alters the host was sent.
    """

    journal: Journal
    run: str
    step: str
    host: str
    attempt: int
    past: Past
    before_ask: Callable[[Ask], None]
    changed: bool = False

    def recalled(self, n: int, ask: Ask) -> tuple[bool, Answer]:
        """Return the answer of the n-th ask where the journal holds it.

        Raises:
            BadJournal: the journal holds the answer to another question.
        """
        if n not in self.past:
            return False, None
        asked, answer = self.past[n]
        if asked != digest(ask):
            raise BadJournal(
                f"{self.step} on {self.host}: ask {n} is now `{ask}`, which is not what was asked before the "
                "interruption: the page, the inventory or this program has changed since.",
                do="Start a new run; it looks at the hosts afresh.",
            )
        self.changed = self.changed or bool(ask.changes)
        return True, answer

    def asking(self, n: int, ask: Ask) -> str:
        """Write down a changing ask before it is sent; return the name of its job on the host."""
        self.journal.check()
        self.before_ask(ask)
        # With the host in it, as two hosts of an inventory may be one machine.
        job = f"{self.run}.{self.step}.{self.attempt}.{n}.{self.host}"
        if ask.changes:
            self.changed = True
            self.journal.write(
                "ask",
                step=self.step,
                host=self.host,
                attempt=self.attempt,
                n=n,
                ask=str(ask),
                changes=ask.changes,
                job=job,
                digest=digest(ask),
            )
        return job

    def answered(self, n: int, ask: Ask, answer: Answer) -> None:
        """Write down what came back.

        It need not be on disk before we go on: a change that follows is, and this line with it; what is asked
        again without it is a look, or a job whose outcome the host has kept.
        """
        self.journal.write(
            "answer",
            soon=True,
            step=self.step,
            host=self.host,
            attempt=self.attempt,
            n=n,
            ask=str(ask),
            digest=digest(ask),
            answer=encode(answer),
        )


def encode(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON data; bytes that are not UTF-8 survive as surrogate escapes."""
    match answer:
        case Done():
            return {
                "rc": answer.rc,
                "out": answer.out.decode("utf-8", "surrogateescape"),
                "err": answer.err.decode("utf-8", "surrogateescape"),
                "seconds": round(answer.seconds, 4),
                "spill": answer.spill,
            }
        case bytes():
            return {"bytes": answer.decode("utf-8", "surrogateescape")}
        case float():
            return {"number": answer}
        case None:
            return {}


def decode(data: Mapping[str, Any]) -> Answer:
    """Return the answer that `encode` turned into `data`."""
    if "rc" in data:
        return Done(
            rc=data["rc"],
            out=data["out"].encode("utf-8", "surrogateescape"),
            err=data["err"].encode("utf-8", "surrogateescape"),
            seconds=data["seconds"],
            spill=data.get("spill", ""),
        )
    if "bytes" in data:
        raw: bytes = data["bytes"].encode("utf-8", "surrogateescape")
        return raw
    if "number" in data:
        return float(data["number"])
    return None
