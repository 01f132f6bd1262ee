"""Nights on the chat stack's MongoDB, as the users of the chat API live through them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from agent.errors import NotInTime, StepFailed
from drills.rig.backups import Bench
from drills.rig.course import Course, Settings
from drills.rig.fault import Harm
from drills.rig.verdict import Claim
from drills.subjects.chat_host import claims
from drills.subjects.chat_night import LOGS, SERVICES, chat_subject

HOST, SPARE = "mongo1", "mongo-dr"
# Up to twice as slow passes here, where a fifth is what a recovery may cost: how fast a server answers that
# was just restored has not been measured over enough nights on a quiet machine.
SETTINGS = Settings(rate=50, preload=2000, limit=300, settle=30, slower=1.0)
_WITHIN = 180.0
_pause = threading.Event()


def mongodb_night(*, harm: Harm, page: str, rto: float = 1800.0, rpo: float = 300.0, **more: Any) -> Course:
    """Return a night of that page on mongo1, watched by the users of the API; `more` as in Course."""
    whole: dict[str, Any] = {
        "drill": page,
        "page": page,
        "service": "mongodb",
        "host": HOST,
        "watched": "api1",
        "subject": chat_subject,
        "claims": claims,
        "logs": LOGS,
        "services": SERVICES,
        "settings": SETTINGS,
        "backups": captured,
        "resumed": capture_goes_on,
        **more,
    }
    return Course(harm=harm, rto=rto, rpo=rpo, **whole)


@contextlib.contextmanager
def captured(bench: Bench) -> Iterator[str]:
    """Declare the indexes as they are, and run `drillyard capture` on mongo1 until the night is over."""
    said = bench.agent.do("mongodb", "indexes", "--limit", HOST)
    if said.rc:
        raise StepFailed(f"`mongodb indexes` ended with code {said.rc}. {said.last}")
    (bench.scene.stack.private / "indexes.json").write_text(said.out)
    with capturing(bench, HOST, "backup"):
        status = capture_of(bench, "backup")
        yield f"the capture has its base and is at work ({status.get('base', '')})"


@contextlib.contextmanager
def capturing(bench: Bench, host: str, folder: str) -> Iterator[None]:
    """Run the capture of a host as the operator would, and wait until what it has can be restored.

    Raises:
        NotInTime: it did not come so far; its last words are in the sentence.
    """
    log = bench.evidence / f"capture-{host}.log"
    words = ["capture", "--limit", host, "--inventory", str(bench.scene.stack.inventory)]
    with log.open("ab") as out:
        process = subprocess.Popen(
            bench.agent.command(*words), stdout=out, stderr=subprocess.STDOUT, env={**os.environ}
        )
    try:
        _until_at_work(bench, folder, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_at_work(bench: Bench, folder: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _WITHIN
    while not ((status := capture_of(bench, folder)).get("state") == "capturing" and status.get("base")):
        last = (log.read_text(errors="replace").strip().splitlines() or ["(it said nothing)"])[-1]
        if process.poll() is not None:
            raise StepFailed(f"The capture ended with code {process.returncode}: {last}")
        if time.monotonic() > end:
            raise NotInTime(f"The capture was not at work after {_WITHIN:.0f} s: {status} {last}")
        _pause.wait(0.1)


def capture_of(bench: Bench, folder: str) -> dict[str, Any]:
    """Return what the capture last wrote of itself; empty where it has not begun."""
    file = bench.scene.stack.private / folder / "mongodb/status.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found


def spare_is_captured(bench: Bench) -> Iterable[Claim]:
    """Start the capture of the server that was restored into, and claim that it is at work without a gap."""
    folder = "backup-dr"
    with capturing(bench, SPARE, folder):
        status = capture_of(bench, folder)
        moves = goes_on(bench, folder)
    well = status.get("state") == "capturing" and status.get("base") and not status.get("gaps") and moves
    still = "" if moves else " Its newest moment stands still."
    sentence = (
        "The new server is captured, with a base of its own." if well else f"It is not well: {status}.{still}"
    )
    yield Claim("capture goes on", "held" if well else "broken", sentence)


def capture_goes_on(bench: Bench) -> Iterable[Claim]:
    """Claim that the capture of mongo1 is still at work, without a gap."""
    moves = goes_on(bench, "backup")
    status = capture_of(bench, "backup")
    well = status.get("state") == "capturing" and not status.get("gaps") and moves
    still = "" if moves else " Its newest moment stands still."
    sentence = "The capture goes on, without a gap." if well else f"The capture is not well: {status}.{still}"
    yield Claim("capture goes on", "held" if well else "broken", sentence)


def goes_on(bench: Bench, folder: str, within: float = 15.0) -> bool:
    """Return whether the newest captured moment moves: a dead capture's status looks as well as ever."""
    first, end = capture_of(bench, folder).get("captured_up_to"), time.monotonic() + within
    while capture_of(bench, folder).get("captured_up_to") == first:
        if time.monotonic() > end:
            return False
        _pause.wait(0.2)
    return True
