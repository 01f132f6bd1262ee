"""Every change a recovery makes to an application: end what hangs, free its port, go back, renew."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotFound, StepFailed
from agent.supervisors import service as supervised
from agent.systems.app.cause import previous
from agent.systems.app.server import App, payload
from agent.systems.app.symptoms import SYMPTOMS
from agent.transport.ask import Action, Done, Note, Sh

# The link is replaced by renaming another over it: at no moment is there none. It is written as the one of
# before was, and where that would lead elsewhere, as the whole path.
_SWITCH = """\
# make another release the current one, and mark the one of before as bad
set -eu
releases=$1 current=$2 to=$3 bad=$4
[ -d "$releases/$to" ]
old=$(readlink "$current")
old=${old%/}
case $old in */*) target=${old%/*}/$to ;; *) target=$to ;; esac
rm -f "$current.drillyard-new"
ln -s "$target" "$current.drillyard-new"
if [ "$(readlink -f "$current.drillyard-new")" != "$(readlink -f "$releases/$to")" ]; then
  ln -sfn "$releases/$to" "$current.drillyard-new"
fi
mv -T "$current.drillyard-new" "$current"
: >"$releases/$bad/.drillyard-bad"
[ "$(readlink -f "$current")" = "$(readlink -f "$releases/$to")" ]
"""

# The number of a process may be another's by now: only with the same start time is it still the one.
_FREE = """\
# end the process that holds the port, if it still is the one that was seen
set -eu
pid=$1 began=$2
same() { [ -r "/proc/$pid/stat" ] && [ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f20)" = "$began" ]; }
same || exit 0
kill "$pid"
n=0
while same && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
if same; then kill -9 "$pid"; fi
n=0
while same && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
! same
"""


@dataclass(frozen=True)
class Rolled:
    """Which release runs now, and which one did and is kept, marked as bad; `restarted`: it does already."""

    release: str
    bad: str
    restarted: bool = False


def kill(app: App) -> Action[None]:
    """End every process of it at once: one that hangs would not listen. Its supervisor may start it anew."""
    yield from supervised.kill(app.service)


def roll_back(app: App) -> Action[Rolled]:
    """Make the release before the present one the current one; the bad one is kept and marked.

    What runs is not restarted by this, but under Kubernetes: there the cluster goes back to its own revision
    of before.

    Raises:
        NotFound: there is none to go back to.
    """
    if not app.releases:
        return Rolled((yield from supervised.roll_back(app.service)), "", restarted=True)
    spec = {"health": app.health, "releases": app.releases, "current": app.current}
    facts = yield from payload(app, "app_facts", spec, timeout=app.seconds * 3 + 10)
    bad, to = facts.get("current", ""), previous(facts)
    if not to:
        names = ", ".join(release["name"] for release in facts.get("releases", ())) or "nothing"
        raise NotFound(
            f"{app.host}: expected a release before {bad or 'the present one'} in {app.releases}, "
            f"found {names}.",
            do="Deploy a release that runs.",
        )
    yield Sh(
        *(_SWITCH, app.releases, app.current, to, bad),
        script=True,
        sudo=app.sudo,
        changes=f"makes release {to} the current one and marks {bad} as bad",
        again="safe",
        supposing=Done(0),
    )
    yield Note(f"release {to} is in the place of {bad}, which is kept in {app.releases}/{bad}")
    return Rolled(to, bad)


def free_port(app: App, pid: int, began: str) -> Action[None]:
    """End the stranger that holds the port, if it still is the process that was seen; nothing of ours."""
    if not pid:
        raise StepFailed(f"{app.host}: the process that holds the port is not known.")
    yield Sh(
        *(_FREE, str(pid), began),
        script=True,
        sudo=app.sudo,
        changes=f"ends process {pid}, which holds the port of {app.name}",
        again="safe",
        supposing=Done(0),
    )


def give_up(app: App, cause: str, reasons: tuple[str, ...] = ()) -> Action[None]:
    """End the run with a cause that nothing but a person can mend.

    Raises:
        StepFailed: always.
    """
    yield from ()
    symptom = SYMPTOMS[f"app.{cause}"]
    raise StepFailed(
        f"{app.host}: {symptom.en} ({symptom.ko}): {'; '.join(reasons)}.",
        do="Mend that, then run this page again.",
    )


def renew(app: App) -> Action[None]:
    """Renew the certificate by the inventory's command.

    Raises:
        StepFailed: the inventory has none, or it failed.
    """
    if not app.renew:
        raise StepFailed(
            f"{app.host}: the certificate {app.certificate or 'of ' + app.health} has expired, and the "
            "inventory does not say how it is renewed.",
            do="Renew it as its authority wants it and run this page again; or set `renew` of the service.",
        )
    yield Sh(
        app.renew,
        script=True,
        sudo=app.sudo,
        changes=f"renews {app.certificate or 'the certificate'}",
        again="safe",
        timeout=300,
        supposing=Done(0),
    )
