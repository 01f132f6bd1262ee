"""How an application is, by its health check, supervisor, log and host; nothing is changed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent.errors import NotInTime
from agent.supervisors import Release, Status
from agent.supervisors import service as supervised
from agent.systems import Symptom, Vitals
from agent.systems.app.cause import Cause, Seen, expires_soon, judge
from agent.systems.app.server import App, failing, payload, read, served
from agent.systems.app.symptoms import SYMPTOMS
from agent.transport.ask import Action, Done, Note, Sh

LINES = 200
_TAIL = 20
_STARTS, _START = 4, 10.0  # looks at one that is being started, and seconds between two
_WATCH = 6.0  # seconds for which one that seems sound is watched
_FILE = 'tail -n "$1" "$2"'


@dataclass(frozen=True)
class Pulse:
    """How it is: `serves` says whether the health check is content, `said` what it answered."""

    serves: bool
    status: int
    seconds: float
    said: str
    state: str
    detail: str


@dataclass(frozen=True)
class Collected:
    """The logs of before a recovery: how many lines of which, where the whole lies, and the last ones."""

    lines: int
    sources: tuple[str, ...]
    last: tuple[str, ...]


def status(app: App) -> Action[Pulse]:
    """Ask the health check and the supervisor."""
    health = read(app, (yield app.visit()))
    state = yield from supervised.status(app.service)
    answer = health["health"]
    return Pulse(
        serves=200 <= answer["status"] < 300,
        status=answer["status"],
        seconds=answer["seconds"],
        said=(answer["body"] or answer["detail"])[:200],
        state=state.state,
        detail=state.detail,
    )


def collect_logs(app: App, lines: int = 100) -> Action[Collected]:
    """Read the newest lines of the supervisor's log and of the inventory's log files."""
    texts = {app.service.supervisor: (yield from supervised.logs(app.service, lines=lines))}
    for path in app.logs:
        done: Done = yield Sh(_FILE, str(lines), path, script=True, sudo=app.sudo, ok=(0, 1))
        texts[path] = done.text if done.rc == 0 else done.complaint
    every = [line for text in texts.values() for line in text.splitlines()]
    return Collected(len(every), tuple(texts), tuple(every[-_TAIL:]))


def cause(app: App) -> Action[Cause]:
    """Look at everything that can tell why users are not served, name the cause, and tell the operator."""
    seen = yield from see(app)
    found = judge(app, seen)
    for _ in range(_STARTS if found.id in ("", "slow") else 0):
        # What fails now and then was good when we came; nobody is called for nothing.
        try:
            yield failing(app, _WATCH)
        except NotInTime:
            break
        found = judge(app, (yield from see(app)))
        if found.id:
            break
    for left in reversed(range(_STARTS)):
        if found.id != "starting":
            break
        # One that serves now, or has failed meanwhile, is told by the next look.
        with contextlib.suppress(NotInTime):
            yield served(app, _START)
        seen = replace((yield from see(app)), waited=not left)
        found = judge(app, seen)
    if found.id:
        symptom = SYMPTOMS[f"app.{found.id}"]
        why = "; ".join(found.reasons) or "no more is known"
        yield Note(f"{symptom.en} ({symptom.ko}): {why}")
    return found


def diagnose(app: App) -> Action[Vitals]:
    """Look at it and name every symptom; a sound one has none."""
    seen = yield from see(app)
    found = judge(app, seen)
    symptoms: list[Symptom] = []
    if found.id:
        symptoms.append(replace(SYMPTOMS[f"app.{found.id}"], evidence="; ".join(found.reasons)))
    if soon := expires_soon(seen.facts):
        symptoms.append(replace(SYMPTOMS["app.certificate-expires"], evidence=soon))
    return Vitals(
        up=bool(seen.health["status"]),
        reads=seen.served,
        writes=seen.served,
        data="-",
        symptoms=tuple(symptoms),
        backup="",
    )


def see(app: App) -> Action[Seen]:
    """Gather what its cause is judged by."""
    state: Status = yield from supervised.status(app.service)
    log = yield from supervised.logs(app.service, lines=LINES)
    spec = {
        "health": app.health,
        "pid": state.pid if app.local else 0,
        "needs": {name: need.address for name, need in app.needs.items()},
        "disks": app.disks if app.local else (),
        "certificate": app.certificate,
        "releases": app.releases,
        "current": app.current,
    }
    # Each dependency that drops packets costs its time, and so does the health check.
    patience = app.seconds * (len(app.needs) + 3) + 10
    facts = yield from payload(app, "app_facts", spec, timeout=patience)
    if not app.releases:
        facts |= _releases((yield from supervised.releases(app.service)))
    return Seen(state, log, facts)


def _releases(kept: tuple[Release, ...]) -> dict[str, Any]:
    """Return the releases that a supervisor keeps as the facts have those of a folder."""
    if not kept:
        return {}
    found: dict[str, Any] = {
        "releases": [{"name": release.name, "bad": False} for release in kept],
        "current": kept[-1].name,
    }
    if kept[-1].made:
        found["switched"] = datetime.fromisoformat(kept[-1].made).timestamp()
    return found
