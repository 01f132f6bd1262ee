"""The lock on a service: it lives on the target, so two controllers cannot work on the same service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from agent.errors import Locked
from agent.transport.ask import Action, Done, Sh

# ln is atomic and refuses an existing name, so the lock is there with its whole content or not at all.
_TAKE = """umask 077; [ -d "$1/locks" ] || mkdir -p "$1/locks" || exit 3
printf '%s' "$3" > "$1/locks/$2.new.$$" || exit 3
ln "$1/locks/$2.new.$$" "$1/locks/$2" 2>/dev/null; taken=$?
rm -f "$1/locks/$2.new.$$"
[ $taken -eq 0 ] && exit 0
cat "$1/locks/$2"; exit 9"""

_RELEASE = """held=''; { IFS= read -r held < "$1/locks/$2"; } 2>/dev/null
case $held in *"\\"run\\": \\"$3\\""*) rm -f "$1/locks/$2";; esac"""

_LIST = """for f in "$1"/locks/*; do
[ ! -f "$f" ] || case $f in *.new.*) ;; *) printf '%s\\t%s\\n' "${f##*/}" "$(cat "$f")";; esac
done"""


@dataclass(frozen=True)
class Owner:
    """Who holds a lock: run, person, the reason given, and since when (UTC)."""

    run: str
    who: str
    reason: str
    since: str

    def told(self, now: float) -> str:
        """Return it as a person is told: whose, why, and how old at `now` (seconds since 1970)."""
        try:
            age = timedelta(seconds=round(now - datetime.fromisoformat(self.since).timestamp()))
        except ValueError:
            return f"run {self.run} of {self.who} ({self.reason}), nobody knows since when"
        return f"run {self.run} of {self.who} ({self.reason}) for {max(age, timedelta(0))}"

    @classmethod
    def read(cls, text: str) -> Owner:
        """Return the owner a lock's text names; a text that cannot be read names nobody."""
        try:
            data = json.loads(text)
        except ValueError:
            data = {}
        known: Mapping[str, str] = data if isinstance(data, dict) else {}
        return cls(*(str(known.get(key, "?")) for key in ("run", "who", "reason", "since")))


def take(state_dir: str, service: str, owner: Owner, *, sudo: bool) -> Action[None]:
    """Take the lock on a service of this host; taking it again in the same run is fine.

    Raises:
        Locked: another run holds it; the sentence says whose, why and since when.
    """
    done: Done = yield Sh(
        _TAKE,
        state_dir,
        service,
        json.dumps(asdict(owner)),
        script=True,
        sudo=sudo,
        ok=(0, 9),
        changes=f"takes the lock on {service}",
        again="safe",
    )
    if done.rc == 0:
        return
    holder = Owner.read(done.text)
    if holder.run != owner.run:
        raise Locked(
            f"{service} is held by run {holder.run} of {holder.who} since {holder.since} ({holder.reason}).",
            do="Wait for it, resume it, or see that it is dead and use `drillyard unlock`.",
        )


def release(state_dir: str, service: str, owner: Owner, *, sudo: bool) -> Action[None]:
    """Let go of the lock where this run still holds it."""
    yield Sh(
        _RELEASE,
        state_dir,
        service,
        owner.run,
        script=True,
        sudo=sudo,
        changes=f"releases the lock on {service}",
        again="safe",
    )


def holder(state_dir: str, service: str, *, sudo: bool) -> Action[Owner | None]:
    """Return who holds the lock on a service of this host, or None."""
    done: Done = yield Sh("cat", f"{state_dir}/locks/{service}", sudo=sudo, ok=(0, 1))
    return Owner.read(done.text) if done.rc == 0 else None


def held(state_dir: str, *, sudo: bool) -> Action[dict[str, Owner]]:
    """Return who holds which service of this host."""
    done: Done = yield Sh(_LIST, state_dir, script=True, sudo=sudo)
    found = [line.partition("\t") for line in done.text.splitlines()]
    return {service: Owner.read(text) for service, tab, text in found if tab}


def break_lock(state_dir: str, service: str, *, sudo: bool) -> Action[Owner | None]:
    """Remove the lock whoever holds it, and return who held it; for a person, on purpose, audited."""
    held = yield from holder(state_dir, service, sudo=sudo)
    yield Sh(
        "rm",
        "-f",
        f"{state_dir}/locks/{service}",
        sudo=sudo,
        changes=f"breaks the lock on {service}",
        again="safe",
    )
    return held
