"""Where operations begin, one at a time, and are taken up again after the server died."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.api.operations import Book, Operation, State, new_id
from agent.api.tokens import Token
from agent.api.ward import Ward, confirm
from agent.errors import ContactLost, DrillyardError, JournalLost, Locked, Usage
from agent.notify.ladder import ladder_of
from agent.record import audit
from agent.record.journal import NAME as JOURNAL
from agent.record.journal import Journal, read_journal
from agent.record.past import RunPast, recall
from agent.runbook.events import EndEvent, Event
from agent.runbook.order import Order, open_run
from agent.runbook.resume import resume
from agent.runbook.run import Run
from agent.secrets import mask

FRESH = timedelta(hours=1)
"""How long after its last word a cut-off restore is taken up by itself; later a person decides."""

_CUT_OFF = "The server died while the backup was being taken: it is there whole, or not at all."
_NEVER_BEGUN = "The server died, or had no room, before anything was asked of the host."
_BY_HAND = "The server died in it. It is not gone on with: {why}. See how the host is (`drillyard check`)."


class KeyReused(Usage):
    """An idempotency key was used for something else before."""


@dataclass(frozen=True)
class Asked:
    """Who asked, from which address, why, and under which idempotency key ("" = none)."""

    by: Token
    peer: str
    reason: str = ""
    key: str = ""


class Desk:
    """Begins operations on the ward. At most one is under way; whoever comes second is told so."""

    def __init__(self, ward: Ward, book: Book) -> None:
        """Nothing is under way."""
        self.ward, self.book = ward, book
        self._beginning = threading.Lock()
        self._thread: threading.Thread | None = None
        self._run: Run | None = None

    def restore(self, asked: Asked, name: str, named: str = "") -> Operation:
        """Begin to put the backup `name` back, and return the operation; `named` is the host that is meant.

        Under an idempotency key that was used before it is the operation of then, and nothing begins.

        Raises:
            KeyReused: something else was asked under that key.
            Locked: an operation, or somebody else's run, is at work on the service.
            Refused: a production host was not named.
            NoBackup, BackupDamaged: see `Ward.to_restore`.
        """
        fingerprint = _sum("restore", name, named, asked.reason)
        with self._beginning:
            if before := self._before(asked, fingerprint):
                return before
            host = self.ward.host()
            confirm(host, named)
            backup = self.ward.to_restore(host, name)
            order = self.ward.order(backup.id, asked.reason or "Admin API")
            ladder = ladder_of(order.hosts) if self.ward.notify else None
            operation = self._open("restore", asked, fingerprint, backup.id)
            try:
                run, folder, journal = open_run(order, self.ward.runs)
                operation = self.book.write(replace(operation, run=run))
            except (OSError, JournalLost):
                self._settle(replace(operation, state="failed", sentence=_NEVER_BEGUN))
                raise
            self._go(operation, self._a_run(run, folder, order, journal=journal, ladder=ladder))
            return operation

    def take(self, asked: Asked, kind: str = "") -> Operation:
        """Begin to take a backup; raises as `restore`, and NotFound for a kind that there is not."""
        fingerprint = _sum("backup", kind, asked.reason)
        with self._beginning:
            if before := self._before(asked, fingerprint):
                return before
            kind = self.ward.check_kind(self.ward.host(), kind)
            operation = self._open("backup", asked, fingerprint)

            def work() -> Operation:
                return replace(operation, state="done", backup=self.ward.take(kind).id)

            self._start(operation, work)
            return operation

    def take_up(self) -> None:
        """Settle what was under way when the last server ended: go on with it, or say that it is unknown."""
        for operation in self.book.open_ones():
            if operation.kind == "backup":
                self._settle(replace(operation, state="unknown", sentence=_CUT_OFF))
            elif not operation.run:
                self._settle(replace(operation, state="failed", sentence=_NEVER_BEGUN))
            else:
                self._take_up(operation)

    def close(self, within: float) -> None:
        """End what is under way after its present ask, and wait so many seconds for that."""
        if self._run:
            self._run.stop.set()
        if self._thread:
            self._thread.join(within)
        self.book.close()

    def _take_up(self, operation: Operation) -> None:
        folder = self.ward.runs / operation.run
        try:
            lines = list(read_journal(folder / JOURNAL))
            past = recall(lines)
            if past.outcome and past.outcome != "stopped":
                end = next(line for line in reversed(lines) if line["kind"] == "end")
                self._settle(replace(operation, state=end["outcome"], sentence=end["sentence"]))
                return
            why = self._not_ours(operation, past)
            if why:
                self._settle(replace(operation, state="unknown", sentence=_BY_HAND.format(why=why)))
                return
            taken = resume(folder)
            ladder = ladder_of(taken.order.hosts) if self.ward.notify else None
            operation = self.book.write(
                replace(operation, state="running", ended="", lives=operation.lives + 1)
            )
            audit.note(self.ward.runs, "api resumed", operation=operation.id, run=operation.run)
            more = {"journal": taken.journal, "past": taken.past, "ladder": ladder}
            self._go(operation, self._a_run(taken.run, folder, taken.order, **more))
        except DrillyardError as error:
            why = _BY_HAND.format(why=str(error).rstrip("."))
            self._settle(replace(operation, state="unknown", sentence=why))

    def _not_ours(self, operation: Operation, past: RunPast) -> str:
        """Return why a run is not to be gone on with; empty where it is still ours and fresh."""
        holder = self.ward.holder()
        if holder is None or holder.run != operation.run:
            whose = f"run {holder.run} of {holder.who}" if holder else "nobody"
            return f"the lock on {self.ward.system} is no longer its own, {whose} has it"
        age = datetime.now(UTC) - datetime.fromisoformat(past.last)
        return f"its last word is {age} old" if age > FRESH else ""

    def _before(self, asked: Asked, fingerprint: str) -> Operation | None:
        """Return the operation of this key, or None where the desk is free for a new one."""
        known = self.book.under_key(asked.by.id, _sum(asked.key) if asked.key else "")
        if known and known.asked != fingerprint:
            raise KeyReused("This Idempotency-Key was used for something else.", do="Use another one.")
        if known is None and self._thread and self._thread.is_alive():
            going = ", ".join(each.id for each in self.book.open_ones()) or "the one before"
            raise Locked(f"An operation is under way: {going}.", do="Wait for its end, then ask again.")
        return known

    def _open(self, kind: Any, asked: Asked, fingerprint: str, backup: str = "") -> Operation:
        operation = Operation(
            id=new_id(),
            kind=kind,
            system=self.ward.system,
            host=self.ward.name,
            state="running",
            by=str(asked.by),
            token=asked.by.id,
            begun=_now(),
            backup=backup,
            reason=mask(asked.reason),
            key=_sum(asked.key) if asked.key else "",
            asked=fingerprint,
        )
        # On disk before anything happens: an order that nobody could trace back is not carried out.
        audit.note(
            self.ward.runs,
            f"api {kind}",
            who=operation.by,
            **{"from": asked.peer},
            host=operation.host,
            backup=backup,
            reason=operation.reason,
            operation=operation.id,
        )
        return self.book.write(operation)

    def _a_run(self, name: str, folder: Path, order: Order, **more: Any) -> Run:
        journal: Journal = more.pop("journal")
        roads = self.ward.roads
        return Run(name, folder, order, journal, _Silent(), consent=lambda *_: False, roads=roads, **more)

    def _go(self, operation: Operation, run: Run) -> None:
        self._run = run

        def work() -> Operation:
            end: EndEvent = run.go()
            state: State = end.outcome if end.outcome in ("done", "failed", "stopped") else "unknown"  # type: ignore[assignment]
            return replace(operation, state=state, sentence=end.sentence)

        self._start(operation, work)

    def _start(self, operation: Operation, work: Callable[[], Operation]) -> None:
        def all_of_it() -> None:
            try:
                ended = work()
            except ContactLost as error:
                ended = replace(operation, state="unknown", sentence=str(error))
            except DrillyardError as error:
                ended = replace(operation, state="failed", sentence=str(error))
            except Exception as error:  # noqa: BLE001 - a defect; the operation must not seem to go on for ever
                ended = replace(operation, state="unknown", sentence=f"{type(error).__name__}: {error}")
            self._run = None
            self._settle(ended)

        self._thread = threading.Thread(target=all_of_it, name=operation.id, daemon=True)
        self._thread.start()

    def _settle(self, operation: Operation) -> None:
        ended = replace(operation, sentence=mask(operation.sentence), ended=_now())
        try:
            self.book.write(ended)
            audit.note(
                self.ward.runs,
                "api end",
                host=ended.host,
                backup=ended.backup,
                outcome=ended.state,
                operation=ended.id,
                run=ended.run,
            )
        except OSError as error:
            # The run's own journal has it: the next server reads it there.
            sys.stderr.write(f"drillyard: the end of {ended.id} could not be kept: {error.strerror}\n")
            self.book.remember(ended)


class _Silent:
    """Nobody looks on: what happened is asked of the journal."""

    def tell(self, event: Event) -> None:
        """Take no notice."""


def _sum(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
