"""Why an application does not serve its users, from everything that was seen of it; pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agent.supervisors import Status
from agent.systems.app.server import App
from agent.systems.app.symptoms import REMEDIES, Remedy

FULL = 1 << 20
"""With fewer free bytes than this a disk is full."""

_SOON = 14 * 86_400
_PROXIES = frozenset(
    [
        "nginx",
        "haproxy",
        "caddy",
        "traefik",
        "envoy",
        "apache2",
        "httpd",
        "stunnel",
        "stunnel4",
        "docker-proxy",
    ]
)
"""Who may listen where the health check goes by right, as the way to the application."""

_ENDED = re.compile(r"code=(exited|killed|dumped), status=(\w+)(?:/(\w+))?")
_RAISED = re.compile(
    r"\b((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Refused)\b.*|[Pp]anic: .*|FATAL.*)"
)
_NO_ROOM = re.compile(r"No space left on device|ENOSPC|Disk quota exceeded", re.IGNORECASE)
_TAKEN = re.compile(r"[Aa]ddress already in use|EADDRINUSE|port is already allocated")
_OOM = re.compile(r"oom-kill|OOM killer|[Oo]ut of memory|OOMKilled|MemoryError")
_CHAINED = re.compile(r"During handling of the above exception|The above exception was the direct cause")
_DIED = re.compile(r"Traceback \(most recent call last\)|[Cc]hild process \[\d+\] died|[Pp]anic: |FATAL")


@dataclass(frozen=True)
class Cause:
    """What is wrong, and what helps. `id` is a symptom without `app.`, or "" where all is well.

    `reasons` are what was seen, in words. `dependency` is the one that fails, at `address`, and `page` the
    page for it; `pid` and `began` tell which process holds the port; `release` is the one that does not run.
    """

    id: str
    remedy: Remedy
    reasons: tuple[str, ...] = ()
    dependency: str = ""
    address: str = ""
    page: str = ""
    pid: int = 0
    began: str = ""
    release: str = ""


@dataclass(frozen=True)
class Seen:
    """What was seen: the supervisor's word, the end of the log, and what agent/payload/app_facts.py found.

    `waited` says that it has had time enough to start.
    """

    status: Status
    log: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    waited: bool = False

    @property
    def health(self) -> Mapping[str, Any]:
        """How the health check was answered."""
        found: Mapping[str, Any] = self.facts["health"]
        return found

    @property
    def served(self) -> bool:
        """Whether it says that users are served."""
        return 200 <= int(self.health["status"]) < 300

    @property
    def raised(self) -> str:
        """The last error that the log names, "" where it names none."""
        found = _RAISED.findall(self.log)
        return str(found[-1]).strip()[:160] if found else ""

    @property
    def switched(self) -> float:
        """For how many seconds the present release has been in place; without a link, for ever."""
        return float(self.facts["now"]) - float(self.facts.get("switched", 0))


def judge(app: App, seen: Seen) -> Cause:
    """Name the cause. The first that is sure wins: what makes others look guilty is asked before them.

    One that is being started is `starting`, unless it was `waited` for or has been started in vain.
    """
    # Whoever sits on the port may answer as if all were well.
    if stranger := _port(app, seen):
        return stranger
    if seen.served:
        took = float(seen.health["seconds"])
        late = f"the health check took {took} s" if took > app.slow else ""
        return _cause("slow", late) if late else Cause("", "none")
    for suspect in (_disk, _certificate, _down, _frozen, _dependency, _looping):
        if found := suspect(app, seen):
            return found
    return _answers_badly(app, seen)


def expires(facts: Mapping[str, Any], key: str) -> float | None:
    """Return in how many seconds a certificate of the facts expires, under 0 where it has; None = none."""
    if not facts.get(key):
        return None
    from cryptography import x509

    end = x509.load_der_x509_certificate(base64.b64decode(facts[key])).not_valid_after_utc
    return end.timestamp() - float(facts["now"])


def expires_soon(facts: Mapping[str, Any]) -> str:
    """Return in words that the certificate in use expires within two weeks, or nothing."""
    left = expires(facts, "shown")
    return f"in {left / 86_400:.0f} days" if left is not None and 0 < left < _SOON else ""


def _cause(name: str, *reasons: str, **more: Any) -> Cause:
    return Cause(name, REMEDIES[f"app.{name}"], tuple(reason for reason in reasons if reason), **more)


def _disk(_app: App, seen: Seen) -> Cause | None:
    full = [
        f"{path} has {room['free']:,} bytes free of {room['size']:,}"
        for path, room in seen.facts.get("disks", {}).items()
        if room["free"] < FULL or room["files"] == 0
    ]
    said = _NO_ROOM.search(seen.log)
    return _cause("disk-full", *full, f"its log says: {said[0]}" if said else "") if full else None


def _port(app: App, seen: Seen) -> Cause | None:
    """A stranger on the port while the service itself does not run; or one whose port it says is taken."""
    holder = seen.facts.get("listener") or {}
    if not app.local or not holder.get("pids"):
        return None
    if holder["name"] in _PROXIES and not (holder["name"] != "docker-proxy" and _TAKEN.search(seen.log)):
        return None
    # It may have been started anew since its supervisor was asked.
    if holder["group"] in (app.name, f"{app.name}.service"):
        return None
    ours = {each["pid"] for each in seen.facts["processes"]}
    if ours & {*holder["pids"]} or (seen.status.state == "running" and not _TAKEN.search(seen.log)):
        return None
    what = " ".join((holder["args"] or holder["name"]).split())[:100]
    who = f"process {holder['pid']} of {holder['group'] or 'no unit'} listens on it: {what}"
    return _cause("port-taken", who, pid=holder["pid"], began=holder["began"])


def _certificate(app: App, seen: Seen) -> Cause | None:
    left = expires(seen.facts, "shown")
    if seen.health["trouble"] != "expired" and (left is None or left > 0):
        return None
    kept = expires(seen.facts, "kept")
    return _cause(
        "certificate-expired",
        f"it expired {_when(seen.facts, left)}" if left is not None else str(seen.health["detail"]),
        f"{app.certificate} itself is good: it was renewed and not read anew" if kept and kept > 0 else "",
    )


def _down(app: App, seen: Seen) -> Cause | None:
    status = seen.status
    if status.state == "running":
        return None
    if status.state not in ("stopped", "failed") and not status.restarts and not seen.waited:
        return _cause("starting", f"its supervisor says: {status.detail}")
    ended = _ENDED.findall(seen.log)
    how = " ".join(filter(None, ended[-1])) if ended else ""
    said = [f"its supervisor says: {status.detail}", f"it ended with: {how}" if how else ""]
    if _OOM.search(status.detail) or (_OOM.search("\n".join(seen.log.splitlines()[-20:]))):
        return _cause("out-of-memory", *said)
    if status.state == "stopped" and not status.restarts:
        # A parent whose workers die may end as if it had been asked to.
        fresh = _fresh(app, seen) if _died_last(app, seen.log) else ()
        if fresh:
            return _cause("bad-release", *said, *fresh, seen.raised, release=seen.facts["current"])
        return _cause("stopped", *said)
    by_signal = bool(ended) and ended[-1][0] != "exited"
    loops = status.state == "starting" or "start-limit" in status.detail or status.restarts > 1
    if not by_signal and (fresh := _fresh(app, seen)):
        return _cause("bad-release", *said, *fresh, seen.raised, release=seen.facts["current"])
    if loops and not by_signal:
        return _cause("crash-loop", *said, seen.raised)
    # Whoever is killed has not raised what its log ends with.
    return _cause("crashed", *said, "" if by_signal else seen.raised)


def _died_last(app: App, log: str) -> bool:
    """Say whether the end of the log is of a death, and nobody asked it to stop after that."""
    end = "\n".join(log.splitlines()[-60:])
    dead = [found.start() for found in _DIED.finditer(end)]
    asked = [found.start() for found in re.finditer(_asked(app), end)]
    return bool(dead) and max(dead) > max(asked, default=-1)


def _frozen(_app: App, seen: Seen) -> Cause | None:
    stopped = [str(each["pid"]) for each in seen.facts["processes"] if each["state"] in "Tt"]
    if not stopped:
        return None
    return _cause("hangs", f"of its processes {', '.join(stopped)} are stopped", _silence(seen))


def _dependency(app: App, seen: Seen) -> Cause | None:
    named = _named(str(seen.health["body"]), app)
    for name, need in app.needs.items():
        reached = seen.facts["needs"].get(name, {})
        said = named.get(name, "")
        more = {"dependency": name, "address": need.address, "page": need.page}
        if reached.get("trouble"):
            words = f"{name} at {need.address}: {reached['detail']}"
            return _cause("dependency-dead", words, f"the health check says: {said}" if said else "", **more)
        if name in named:
            took = f"{name} at {need.address} takes connections (after {reached.get('seconds', 0)} s)"
            # No page mends what is merely slow.
            slow = f"{took} and does not serve: {said or 'no reason given'}"
            return _cause("dependency-slow", slow, **more | {"page": ""})
    for name, said in named.items():
        if name not in app.needs:
            return _cause("dependency-dead", f"the health check names {name}: {said}", dependency=name)
    return None


def _named(body: str, app: App) -> dict[str, str]:
    """Return the dependencies that a health check names in `failed`, or anywhere where it is no JSON."""
    try:
        said = json.loads(body)
    except ValueError:
        return {name: "named" for name in app.needs if name in body}
    failed = said.get("failed") if isinstance(said, dict) else None
    if isinstance(failed, dict):
        return {str(name): str(words) for name, words in failed.items()}
    return {str(name): "named" for name in failed} if isinstance(failed, list) else {}


def _looping(app: App, seen: Seen) -> Cause | None:
    """Its parent lives, and those who should do the work die as soon as they are started."""
    if seen.health["status"] or _deaths(app, seen.log) < 3:
        return None
    fresh = _fresh(app, seen)
    if fresh:
        return _cause("bad-release", *fresh, seen.raised, _silence(seen), release=seen.facts["current"])
    return _cause("crash-loop", seen.raised, _silence(seen))


def _asked(app: App) -> str:
    """Return the pattern of a line that says it was asked to stop; before 250 systemd tells no unit there."""
    return rf"systemd\[\d+\]: Stopp(?:ing|ed) |Stopp(?:ing|ed) {re.escape(app.name)}\b"


def _deaths(app: App, log: str) -> int:
    """Count who died since it was last asked to stop; an error that led to another is one death with it."""
    *_, since = re.split(_asked(app), log)
    return len(_DIED.findall(since)) - len(_CHAINED.findall(since))


def _answers_badly(app: App, seen: Seen) -> Cause:
    status = int(seen.health["status"])
    if not status and seen.status.state == "running":
        # A supervisor may call running what does not listen yet.
        if app.local and not seen.facts["listener"] and not seen.waited:
            return _cause("starting", _silence(seen))
        return _cause("hangs", _silence(seen))
    if status >= 500:
        return _cause("errors", f"the health check is answered with {status}", seen.raised)
    return _cause("refuses", f"the health check is answered with {status}" if status else _silence(seen))


def _silence(seen: Seen) -> str:
    return f"the health check has no answer: {seen.health['detail']}" if seen.health["trouble"] else ""


def _fresh(app: App, seen: Seen) -> tuple[str, ...]:
    """Return why the present release is suspected: it is new, and there is one to go back to."""
    if not previous(seen.facts) or seen.switched > app.fresh:
        return ()
    return (f"release {seen.facts['current']} has been in place for {seen.switched / 60:.0f} min",)


def previous(facts: Mapping[str, Any]) -> str:
    """Return the release before the present one, past those that were found bad; "" where there is none."""
    older: list[str] = []
    for release in facts.get("releases", ()):
        if release["name"] == facts.get("current"):
            return older[-1] if older else ""
        if not release["bad"]:
            older.append(str(release["name"]))
    return ""


def _when(facts: Mapping[str, Any], left: float) -> str:
    return datetime.fromtimestamp(float(facts["now"]) + left, UTC).isoformat(timespec="seconds")
