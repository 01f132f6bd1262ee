"""An application: every verb a page can use on what serves users and keeps its data elsewhere.

The verbs stand here with what they promise; how each goes about it stands in `look.py` (how it is),
`cause.py` (why it does not serve), `acts.py` (changes) and `claims.py` (what must hold). Everything it is
told about one application stands in the inventory (`server.py`).
"""

from __future__ import annotations

from agent.systems import Vitals
from agent.systems.app import acts, claims, look
from agent.systems.app.acts import Rolled
from agent.systems.app.cause import Cause
from agent.systems.app.claims import Proof
from agent.systems.app.look import Collected, Pulse
from agent.systems.app.server import App
from agent.systems.app.symptoms import SYMPTOMS as SYMPTOMS
from agent.transport.ask import Action


def status(app: App) -> Action[Pulse]:
    """Ask the health check and the supervisor how it is."""
    return (yield from look.status(app))


def collect_logs(app: App, lines: int = 100) -> Action[Collected]:
    """Read the newest lines of its logs into the run's folder, before a restart makes more of them."""
    return (yield from look.collect_logs(app, lines))


def cause(app: App) -> Action[Cause]:
    """Name why users are not served, from log, exit code, port, certificate, disks and dependencies."""
    return (yield from look.cause(app))


def diagnose(app: App) -> Action[Vitals]:
    """Look at it and name every symptom of the table; a sound one has none."""
    return (yield from look.diagnose(app))


def kill(app: App) -> Action[None]:
    """End every process of it at once: what hangs would not listen to a request to stop."""
    return (yield from acts.kill(app))


def roll_back(app: App) -> Action[Rolled]:
    """Make the release before the present one the current one; the bad one is kept. Restart it afterwards."""
    return (yield from acts.roll_back(app))


def free_port(app: App, pid: int, began: str) -> Action[None]:
    """End the stranger that holds its port, if it still is the process that `app.cause` saw."""
    return (yield from acts.free_port(app, pid, began))


def give_up(app: App, cause: str, reasons: tuple[str, ...] = ()) -> Action[None]:
    """End the run with a cause that nothing but a person can mend; always fails."""
    return (yield from acts.give_up(app, cause, reasons))


def renew(app: App) -> Action[None]:
    """Renew its certificate by the inventory's command. Restart it afterwards."""
    return (yield from acts.renew(app))


def await_dependency(app: App, name: str, page: str = "", within: float = 1200) -> Action[float]:
    """Say which dependency fails and the page for it, and wait until users are served again."""
    return (yield from claims.await_dependency(app, name, page, within))


def need_lost(app: App, name: str, again: bool = False, needed: bool = True) -> Action[None]:
    """See that a dependency of `needs` answers nothing, so that leaving it behind leaves nothing alive.

    Refused where it answers, and where `needs` does not say where it is (with `needed` False that is a note).
    `again` says that this is the look right before the application is sent elsewhere."""
    return (yield from claims.need_lost(app, name, again, needed))


def health(app: App, within: float = 60) -> Action[float]:
    """Wait until its health check says that users are served; return the host's time then."""
    return (yield from claims.health(app, within))


def prove(app: App) -> Action[Proof]:
    """Prove that users are served: the health check is content, and what users do can be done."""
    return (yield from claims.prove(app))
