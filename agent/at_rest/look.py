"""How an application's data is: each element's state, what lacks its counterpart, whether it is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from agent.at_rest.model import AtRest
from agent.at_rest.sets import Named
from agent.errors import ProofFailed
from agent.transport.ask import Action, Done, Note, Sh, Until

# A host may have no curl.
_HEALTH = """\
import json, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
        code, body = answer.status, answer.read(100_000)
except urllib.error.HTTPError as error:
    code, body = error.code, error.read(100_000)
except OSError as error:
    code, body = 0, str(error).encode()
try:
    said = json.loads(body)
except ValueError:
    said = {}
told = {"code": code, "said": said if isinstance(said, dict) else {}}
print(json.dumps({**told, "text": body[:200].decode("utf-8", "replace")}))
"""


@dataclass(frozen=True)
class Look:
    """Each element's state (sound, missing, damaged, lost, changed, index, purging; "" = none), and why.

    `sound` = nothing is wrong with any element; `apart` is what lacks its counterpart, `free` the bytes left
    on the data's volume.
    """

    sqlite: str
    chromadb: str
    files: str
    reasons: tuple[str, ...]
    apart: dict[str, list[str]]
    free: int
    sound: bool


@dataclass(frozen=True)
class Pulse:
    """What the health check answered: its code (0 = nobody did), its word, what waits, complaints."""

    code: int
    status: str = ""
    waiting: int = 0
    complaints: tuple[str, ...] = ()


def inspect(data: AtRest, copy: Named | None = None, most: int = 0) -> Action[Look]:
    """Look at the data as it is, changing nothing; `copy` is what silent changes and loss are told by.

    Where the database of `copy` has more than `most` bytes (0 = any), its rows are not compared one by one.
    """
    found = yield from _seen(data, copy, most)
    if found.chromadb == "index":
        # A running Chroma writes these files in place: seen in the middle of that, they look damaged once.
        found = yield from _seen(data, copy, most)
    for reason in found.reasons:
        yield Note(f"{data.host}: {reason}")
    return found


def pulse(data: AtRest) -> Action[Pulse]:
    """Ask the application's health check; without one in the inventory it counts as well."""
    if not data.health:
        return Pulse(200, "ok")
    done: Done = yield _health(data)
    return _pulse(done)


def wait_for_queue(data: AtRest, within: float = 300) -> Action[Pulse]:
    """Wait until the application is well and nothing waits to be made a document of.

    Raises:
        NotInTime: it is not `within` seconds.
    """
    if not data.health:
        return Pulse(200, "ok")
    done: Done = yield Until(
        _health(data),
        lambda done: (found := _pulse(done)).code == 200 and not found.waiting,
        "the application is well and its queue is empty",
        every=0.5,
        within=within,
        supposing=Done(0, b'{"code":200,"said":{"status":"ok"}}'),
    )
    return _pulse(done)


def prove(data: AtRest) -> Action[Look]:
    """Prove that every element is sound, every row has vector and file, and the application is well.

    Raises:
        ProofFailed: one of these is not so; the sentence says which.
    """
    found = yield from inspect(data)
    wrong = list(found.reasons if not found.sound else ())
    wrong += [f"{kind.replace('_', ' ')}: {', '.join(names[:5])}" for kind, names in found.apart.items()]
    health = yield from pulse(data)
    if health.code != 200:
        wrong.append(f"its health check answers {health.code or 'nothing'}: {', '.join(health.complaints)}")
    if wrong:
        raise ProofFailed(
            f"{data.host}: expected rows, vectors and files to be sound and united, "
            f"found: {'; '.join(wrong)}."
        )
    return found


def _seen(data: AtRest, copy: Named | None, most: int) -> Action[Look]:
    told = {"against": copy.id if copy else "", "most": most}
    found = yield from data.run("look_data", told)
    for sentence in found.get("notes", ()):
        yield Note(f"{data.host}: {sentence}")
    elements: dict[str, dict[str, Any]] = found["elements"]
    reasons = tuple(
        f"{name}: {each['detail'] or each['state']}"
        for name, each in elements.items()
        if each["state"] != "sound"
    )
    states = {name: str(elements.get(name, {}).get("state", "")) for name in ("sqlite", "chromadb", "files")}
    sound = {*states.values()} <= {"sound", ""}
    return Look(**states, reasons=reasons, apart=found["apart"], free=found["free"], sound=sound)


def _health(data: AtRest) -> Sh:
    return Sh(data.python, "-I", "-", data.health, stdin=_HEALTH.encode(), timeout=30)


def _pulse(done: Done) -> Pulse:
    told = msgspec.json.decode(done.out or b"{}")
    said = told.get("said", {})
    needed = said.get("dependencies", {})
    complaints = [
        f"{name}: {each.get('detail', '')}"
        for name, each in (needed.items() if isinstance(needed, dict) else ())
        if isinstance(each, dict) and not each.get("ok", True)
    ]
    waiting = said.get("queue", 0)
    return Pulse(
        int(told.get("code", 0)),
        str(said.get("status", "")),
        waiting if isinstance(waiting, int) else 0,
        tuple(complaints or ([str(told.get("text", ""))] if told.get("code") != 200 else [])),
    )
