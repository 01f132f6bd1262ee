"""The lock on a service: it lives on the target, so two controllers cannot work on the same service."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from agent.errors import Locked, StepFailed
from agent.transport.ask import Action, Done, Sh

# ln is atomic and refuses an existing name, so the lock is there with its whole content or not at all.
_TAKE = """umask 077; [ -d "$1/locks" ] || mkdir -p "$1/locks" || exit 3
printf '%s' "$3" > "$1/locks/$2.new.$4" || exit 3
ln "$1/locks/$2.new.$4" "$1/locks/$2" 2>/dev/null; taken=$?
rm -f "$1/locks/$2.new.$4"
[ $taken -eq 0 ] && exit 0
cat "$1/locks/$2"; exit 9"""

# What is moved aside is taken over by whoever moved it, and put back where it is not what was meant: at no
# moment do two hold the lock.
_TAKE_OVER = """cd "$1/locks" && umask 077 || exit 3
printf '%s' "$3" > "$2.new.$4" || exit 3
if mv "$2" "$2.new.$4.was" 2>/dev/null && [ "$(cat "$2.new.$4.was")" != "$5" ]; then
ln "$2.new.$4.was" "$2"
else ln "$2.new.$4" "$2" 2>/dev/null && taken=y
fi
rm -f "$2.new.$4" "$2.new.$4.was"
[ "$taken" ] && exit 0
cat "$2"; exit 9"""

_RELEASE = """held=''; { IFS= read -r held < "$1/locks/$2"; } 2>/dev/null
case $held in *"\\"token\\": \\"$3\\""*) rm -f "$1/locks/$2";; *) exit 9;; esac"""

# Whoever took it over since it was looked at keeps it.
_BREAK = """[ "$(cat "$1/locks/$2" 2>/dev/null)" = "$3" ] || exit 9
rm -f "$1/locks/$2" || exit 1"""

_LIST = """for f in "$1"/locks/*; do
[ ! -f "$f" ] || case $f in *.new.*) ;; *) printf '%s\\t%s\\n' "${f##*/}" "$(cat "$f")";; esac
done"""

_NO_FOLDER = 3


@dataclass(frozen=True)
class Owner:
    """Who holds a lock: run, person, the reason given, and since when (UTC).

    `token` is the life of the run that took it: two processes that carry on the same run have two.
    """

    run: str
    who: str
    reason: str
    since: str
    token: str = ""

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
        run, who, reason, since = (str(known.get(key, "?")) for key in ("run", "who", "reason", "since"))
        return cls(run, who, reason, since, str(known.get("token", "")))


def take(
    state_dir: str,
    service: str,
    owner: Owner,
    *,
    sudo: bool,
    heir_of: Collection[str] = (),
    host: str = "",
) -> Action[Owner | None]:
    """Take the lock on a service of this host, and return whose it was where it is taken over.

    It is taken over from the lives of the same run named by `heir_of`, which the caller knows to be over.

    Raises:
        Locked: another run holds it, or another life of this one; the sentence says whose, why, since when.
        StepFailed: the host's folder cannot be written; nothing was done there.
    """
    taken: Done = yield _attempt(_TAKE, state_dir, service, owner, sudo=sudo)
    if taken.rc == _NO_FOLDER:
        raise _unwritten(host, state_dir, service, taken)
    if taken.rc == 0:
        return None
    holder = Owner.read(taken.text)
    if holder.run == owner.run:
        if holder.token == owner.token:
            return None
        if not holder.token or holder.token in heir_of:
            taken = yield _attempt(_TAKE_OVER, state_dir, service, owner, taken.text, sudo=sudo)
            if taken.rc == 0:
                return holder
            if taken.rc == _NO_FOLDER:
                raise _unwritten(host, state_dir, service, taken)
            holder = Owner.read(taken.text)
    if holder.run == owner.run:
        raise Locked(
            f"{service}: this run is carried on elsewhere, by {holder.who} since {holder.since}.",
            do=f"Leave it to them; where that is dead, resume it there, or use `{_breaks(service, host)}`.",
        )
    where = f"{host}: " if host else ""
    raise Locked(
        f"{where}{service} is held by run {holder.run} of {holder.who} since {holder.since} "
        f"({holder.reason}).",
        do=f"Wait for it, resume it, or see that it is dead and use `{_breaks(service, host)}`.",
    )


def _breaks(service: str, host: str) -> str:
    """Return the command that breaks a lock, whole but for what only the person knows."""
    return f"drillyard unlock {service} -i INVENTORY {f'--limit {host} ' if host else ''}--reason WHY"


def _unwritten(host: str, state_dir: str, service: str, taken: Done) -> StepFailed:
    return StepFailed(
        f"{host or 'The host'}: expected to write the lock on {service} below {state_dir}, "
        f"found: {taken.complaint}. Nothing was done there.",
        do="Name a folder that the login can write (drillyard_state_dir in the inventory), make room on its "
        "disk, or let the login become root (ansible_become: true).",
    )


def _attempt(script: str, state_dir: str, service: str, owner: Owner, *more: str, sudo: bool) -> Sh:
    return Sh(
        script,
        state_dir,
        service,
        json.dumps(asdict(owner)),
        secrets.token_hex(4),
        *more,
        script=True,
        sudo=sudo,
        ok=(0, 9, _NO_FOLDER),
        changes=f"takes the lock on {service}",
        again="safe",
    )


def release(state_dir: str, service: str, owner: Owner, *, sudo: bool) -> Action[bool]:
    """Let go of the lock where this life of the run holds it, and return whether it did."""
    done: Done = yield Sh(
        _RELEASE,
        state_dir,
        service,
        owner.token,
        script=True,
        sudo=sudo,
        ok=(0, 9),
        changes=f"releases the lock on {service}",
        again="safe",
    )
    return done.rc == 0


def holder(state_dir: str, service: str, *, sudo: bool) -> Action[Owner | None]:
    """Return who holds the lock on a service of this host, or None."""
    text = yield from seen(state_dir, service, sudo=sudo)
    return None if text is None else Owner.read(text)


def seen(state_dir: str, service: str, *, sudo: bool) -> Action[str | None]:
    """Return what the lock on a service of this host says, or None where there is none."""
    done: Done = yield Sh("cat", f"{state_dir}/locks/{service}", sudo=sudo, ok=(0, 1))
    return done.text if done.rc == 0 else None


def held(state_dir: str, *, sudo: bool) -> Action[dict[str, Owner]]:
    """Return who holds which service of this host."""
    done: Done = yield Sh(_LIST, state_dir, script=True, sudo=sudo)
    # Not its text, which is stripped: a lock that says nothing is one.
    lines = done.out.decode("utf-8", "surrogateescape").split("\n")
    found = [line.partition("\t") for line in lines]
    return {service: Owner.read(text) for service, tab, text in found if tab}


def break_lock(state_dir: str, service: str, text: str, *, sudo: bool) -> Action[bool]:
    """Remove a lock that says `text`, whoever holds it, and return whether it did; on purpose, audited."""
    done: Done = yield Sh(
        _BREAK,
        state_dir,
        service,
        text.replace("\0", ""),
        script=True,
        sudo=sudo,
        ok=(0, 9),
        changes=f"breaks the lock on {service}",
        again="safe",
    )
    return done.rc == 0
