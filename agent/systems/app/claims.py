"""Claims about an application that can be false: healthy, its dependencies there, its users' doings done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.errors import NotInTime, ProofFailed, Refused
from agent.secrets import Secret
from agent.systems.app.server import VARIABLE, App, payload, read, served, without_secrets
from agent.transport.ask import Action, Clock, Done, Note

_STEADY = 12
"""So many good answers in a row, half a second apart, are a dependency that is there again."""

_LOOKS = 2


@dataclass(frozen=True)
class Proof:
    """What was done as users do it, and how many seconds all of it took; `healthy` is what /health said."""

    claims: tuple[str, ...]
    seconds: float
    healthy: str


def health(app: App, within: float = 60) -> Action[float]:
    """Wait until the health check says that users are served; return the host's time then.

    Raises:
        NotInTime: it did not `within` seconds; the sentence says what it said instead.
    """
    yield from _await(app, within)
    now: float = yield Clock()
    return now


def await_dependency(app: App, name: str, page: str = "", within: float = 1200) -> Action[float]:
    """Tell the operator which dependency fails and the page for it, and wait until users are served again.

    A restart would only end the users who still get something: what is down is not this service.

    Raises:
        NotInTime: they were not `within` seconds.
    """
    need = app.needs.get(name)
    where = f"{name} at {need.address}" if need else name
    do = f"`drillyard run {page}` in another terminal" if page else "see to it in another terminal"
    ko = f"다른 터미널에서 `drillyard run {page}`" if page else "다른 터미널에서 조치하십시오"
    yield Note(f"{where} has to be recovered first: {do}; this run goes on by itself as soon as it answers")
    yield Note(f"먼저 {where} 복구: {ko}. 응답하면 이 실행은 저절로 계속됩니다")
    # What is slow answers now and then.
    yield from _await(app, within, _STEADY)
    now: float = yield Clock()
    return now


def need_lost(app: App, name: str, again: bool = False, needed: bool = True) -> Action[None]:
    """See that a dependency answers nothing, asked from where the application reaches it.

    With `needed` False one that `needs` does not name is not asked for, and that is said.

    Raises:
        Refused: it answers, or nobody knows where it is; the sentence has the choices.
    """
    leave = f"Leave it behind all the same: --set leave_{name}=yes."
    need = app.needs.get(name)
    if need is None and not needed:
        yield Note(
            f"{app.host}: `needs` does not say where {name} is: whether it answers here was not asked."
        )
        return
    if need is None:
        raise Refused(
            f"{app.host}: expected `needs` of the application to say where {name} is, so that one that lives "
            f"is not left behind, found {', '.join(app.needs) or 'nothing'}.",
            do=f"Add it to the inventory. {leave}",
        )
    if not app.local:
        yield Note(f"{name} is asked from {app.host}, as nobody of ours is where the application runs.")
    for _ in range(1 if again else _LOOKS):
        spec = {"where": need.address, "mongodb": name == "mongodb"}
        found = yield from payload(app, "answering", spec, timeout=app.seconds * 2 + 10)
        if found["answers"]:
            state = (
                f"expected {name} at {need.address} to be lost still, found it answering again. "
                "Nobody was sent elsewhere, and nothing is lost."
                if again
                else f"expected {name} at {need.address} to be lost, found it answering."
            )
            raise Refused(
                f"{app.host}: {state}",
                do=f"Only something else is lost: the page for that loses less. {leave}"
                if needed
                else "Users may be on it still: see why the tools host does not reach it. To leave it all "
                "the same, stop it.",
            )
    yield Note(f"{name} at {need.address} does not answer: {found['detail'] or found['trouble']}")


def prove(app: App) -> Action[Proof]:
    """Prove that users are served: the health check is content, and what users do can be done.

    Raises:
        ProofFailed: it is not; the sentence names the check that failed and how.
    """
    said = yield from _await(app, app.seconds)
    if not app.checks:
        return Proof(("its health check is content",), float(said["seconds"]), str(said["body"])[:200])
    secrets: dict[str, Secret] = {}
    checks = without_secrets([dict(check) for check in app.checks], secrets)
    done = yield from payload(
        app,
        "app_checks",
        {"url": app.base, "checks": checks},
        secrets={VARIABLE + number: secret for number, secret in secrets.items()},
        changes="does what users do, as a user of its own",
        again="safe",
        timeout=app.seconds * (len(checks) + 1) + 10,
        supposing=Done(0, b"[]"),
    )
    wrong = next((check for check in done if check["wrong"]), None)
    if wrong:
        held = [check["name"] for check in done if not check["wrong"]]
        raise ProofFailed(
            f"{app.host}: expected users to be able to {wrong['name']}, found: {wrong['wrong']}. "
            f"Before it held: {', '.join(held) or 'nothing'}."
        )
    return Proof(
        ("its health check is content", *(str(check["name"]) for check in done)),
        round(sum(float(check["seconds"]) for check in done), 3),
        str(said["body"])[:200],
    )


def _await(app: App, within: float, times: int = 1) -> Action[dict[str, Any]]:
    try:
        done: Done = yield served(app, within, times=times)
    except NotInTime:
        done = yield app.visit()
        said = read(app, done)["health"]
        raise NotInTime(
            f"{app.host}: expected {app.health} to say that users are served, found after {within:.0f} s: "
            f"{said['status'] or said['trouble']} {(said['body'] or said['detail'])[:200]}."
        ) from None
    found: dict[str, Any] = read(app, done)["health"]
    return found
