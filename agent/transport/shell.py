"""A road whose host has a POSIX shell: every ask becomes one command line, and its end a plain answer."""

from __future__ import annotations

import contextlib
import re
import time
from abc import ABC, abstractmethod
from pathlib import Path

from agent.errors import ContactLost, DrillyardError, StepFailed, SudoRefused, TimedOut, Unreachable
from agent.inventory.model import Host
from agent.transport.ask import Done, Get, Put, Sh
from agent.transport.order import (
    BROKEN,
    Ended,
    Gone,
    Job,
    Me,
    Order,
    Overdue,
    by_sudo,
    file_name,
    get_order,
    job_of,
    job_order,
    limited,
    plain_order,
    put_order,
    script,
    words,
)
from agent.transport.output import FirstLine, Kept, Raw, Sink, Spill

_REFUSED = re.compile(
    r"^sudo: (?:a (?:terminal|password) is required|no tty present|sorry, you must have a tty|unknown user"
    r"|\d+ incorrect password attempt|no password was provided"
    r"|account validation|PAM |.*command not found|.*not owned by uid 0)"
    r"|^Sorry, user \S+ (?:is not allowed|may not)|\S+ is not in the sudoers|\S+ is not allowed to run sudo",
    re.MULTILINE,
)
# env and the shell say it before anything speaks English: env: „sudo“: Datei oder Verzeichnis nicht gefunden.
_NO_SUDO = re.compile(r"^(?:\S*/)?env: (?:can't execute )?\W?sudo\W?: |\bexec: sudo: ", re.MULTILINE)

# What a shell answers where job.sh could not be started, or could not write its files.
_NEVER_BEGUN = (2, BROKEN, 126, 127)


class ShellRoad(ABC):
    """What the real roads share: orders, jobs, outputs, and the sentences of what went wrong.

    A road of its own supplies `_connect`, `_carry`, `close`, and how it becomes another user.
    """

    def __init__(self, to: Host, spill: Path | None = None) -> None:
        """`spill` is the folder for outputs too long to keep in memory; None keeps no more of them."""
        self.host = to.name
        self._to = to
        self._spills = spill
        self._me: Me | None = None

    @abstractmethod
    def _connect(self) -> Me:
        """Open the way and say who we are there; called at the first ask, and again after a loss."""

    @abstractmethod
    def _carry(self, order: Order, argv: tuple[str, ...], out: Sink, err: Sink) -> Ended:
        """Run `argv` for an order, feeding its outputs as they come.

        Raises:
            Gone: the way broke.
            Overdue: it ran past its time although the host should have ended it.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection; never raises."""

    def open(self) -> None:
        """Connect, or do nothing where the road is open."""
        self._arrive()

    def pause(self, seconds: float) -> None:
        """Let time pass between two looks at an awaited state."""
        time.sleep(seconds)

    def run(self, ask: Sh, *, job: str = "") -> Done:
        """Run `ask` and return how it ended, whatever its exit code; see `Road.run`."""
        me = self._arrive()
        if not job:
            return self._collect(plain_order(ask, me), ask, None)[0]
        place = job_of(ask, job, self._to.state_dir, me)
        command = limited(words(ask), ask.timeout, me)
        if isinstance(ask.sudo, str) and ask.sudo != "root":
            command = self._turned(ask.sudo, ask, command)
        done, line = self._collect(job_order(ask, place, command), ask, place)
        return self._outcome(ask, place, done, line)

    def put(self, ask: Put) -> None:
        """Write the file, whole or not at all; a symbolic link at its path is replaced, not followed.

        Raises:
            StepFailed: the host could not write it; what stood there before is untouched.
        """
        order = put_order(ask, self._arrive())
        err = Kept(10_000)
        ended = self._send(order, Kept(10_000).feed, err, changes=ask.changes)
        if ended.rc:
            raise StepFailed(f"{self.host}: `{ask}` failed: {Done(ended.rc, err=err.close()).complaint}")

    def get(self, ask: Get) -> bytes:
        """Return the file's bytes as they were when its size was read.

        Raises:
            StepFailed: it cannot be read, is larger than `limit`, or shrank while it was read.
        """
        order = get_order(ask, self._arrive())
        data, err = Raw(ask.limit), Kept(10_000)
        line = FirstLine(data.feed)
        ended = self._send(order, line.feed, err)
        if ended.rc or not line.words:
            raise StepFailed(f"{self.host}: `{ask}` failed: {Done(ended.rc, err=err.close()).complaint}")
        size, content = int(line.words[0]), data.close()
        if size > ask.limit:
            raise StepFailed(f"{self.host}: {ask.path} has {size} bytes, more than the {ask.limit} expected.")
        if len(content) != size:
            raise StepFailed(f"{self.host}: {ask.path} had {size} bytes and gave only {len(content)}.")
        return content

    def clock(self) -> float:
        """Return the host's time in seconds since 1970, UTC; in whole seconds from a simple date(1)."""
        argv = limited(("date", "+%s.%N"), 20.0, self._arrive())
        out, err = Kept(1_000), Kept(10_000)
        self._send(Order(argv, "read the host's clock", seconds=20.0), out.feed, err)
        answer = re.match(rb"\d+(?:\.\d+)?", out.close())
        if answer is None:
            raise StepFailed(f"{self.host}: date +%s said no time: {Done(1, err=err.close()).complaint}")
        return float(answer[0])

    def forget(self, run: str) -> None:
        """Remove the files of finished jobs whose names begin with `run`; never raises."""
        start = file_name(run)
        try:
            me = self._arrive()
            places = [Job(f"{self._to.state_dir}/jobs", start, "root")]
            if me.uid:
                places.append(Job(f"{me.home}/.local/state/drillyard/jobs", start, ""))
            for place in places:
                ask = Sh(script("forget"), place.folder, start, script=True, sudo=bool(place.user))
                # Where we may not become root, no job of ours is root's.
                with contextlib.suppress(SudoRefused):
                    self._send(plain_order(ask, me), _drop, Kept(10_000))
        except DrillyardError:
            return  # a file left behind is a matter of tidiness, and the run is over

    def _arrive(self) -> Me:
        if self._me is None:
            self._me = self._connect()
        return self._me

    def _turned(self, user: str, ask: Sh, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return argv as root runs it in the name of `user`, secrets kept."""
        kept = (f"--preserve-env={','.join(ask.secrets)}",) if ask.secrets else ()
        return ("sudo", "-n", "-u", user, *kept, "--", *argv)

    def _dressed(self, order: Order) -> tuple[Order, tuple[str, ...]]:
        """Return the order and its argv, by sudo where it is for another user than us."""
        if not self._needs_sudo(order):
            return order, order.argv
        return by_sudo(order, self._to.become_password)

    def _needs_sudo(self, order: Order) -> bool:
        me = self._arrive()
        return bool(order.user) and order.user != me.user and not (order.user == "root" and me.uid == 0)

    def _collect(self, order: Order, ask: Sh, job: Job | None) -> tuple[Done, list[str]]:
        out, err = (Kept(ask.keep, self._spill(ask, kind)) for kind in ("out", "err"))
        line = FirstLine(out.feed)
        try:
            ended = self._send(order, line.feed if job else out.feed, err, changes=ask.changes, job=job)
        finally:
            kept = out.close(), err.close()
        return Done(ended.rc, *kept, seconds=ended.seconds, spill=out.spilled or err.spilled), line.words

    def _spill(self, ask: Sh, kind: str) -> Spill | None:
        if self._spills is None:
            return None
        word = "script" if ask.script else re.sub(r"[^\w.-]", "_", Path(ask.argv[0]).name)[:40]
        return Spill(self._spills, f"{self.host}-{word}.{kind}")

    def _send(
        self, order: Order, out: Sink, err: Kept, *, changes: str = "", job: Job | None = None
    ) -> Ended:
        """Carry an order and turn what went wrong on the way into one of our errors."""
        said = bytearray()
        answered = False

        def hear(data: bytes) -> None:
            nonlocal answered
            answered = True
            out(data)

        def complain(data: bytes) -> None:
            said.extend(data[: max(4_000 - len(said), 0)])
            err.feed(data)

        try:
            ended = self._carry(*self._dressed(order), hear, complain)
        except Gone as gone:
            self._me = None
            raise self._lost(order, gone, changes, job) from None
        except Overdue as late:
            raise self._late(order, late, changes, job) from None
        if ended.rc and not answered and self._needs_sudo(order):
            self._check_sudo(order, bytes(said))
        limit_ended = ended.rc in (124, 137) or (ended.rc == 143 and not self._arrive().limits)
        if job is None and limit_ended and ended.seconds >= order.seconds:
            raise self._timed_out(order)
        return ended

    def _check_sudo(self, order: Order, said: bytes) -> None:
        text, me = said.decode("utf-8", "replace"), self._arrive()
        if _NO_SUDO.search(text):
            raise SudoRefused(
                f"{self.host}: `{order.what}` is to run as {order.user}, and sudo is not installed there.",
                do=f"Install sudo on {self.host}, or log in as {order.user}.",
            )
        found = _REFUSED.search(text)
        if found is None:
            return
        line = found.string[found.start() :].splitlines()[0]
        if me_asked := self._to.become_password:
            raise SudoRefused(
                f"{self.host}: sudo did not let {me.user} run `{order.what}` as {order.user}: {line}.",
                do=f"See that {me_asked!r} is the password of {me.user} there, and that it may use sudo.",
            )
        raise SudoRefused(
            f"{self.host}: {me.user} may not run `{order.what}` as {order.user}: {line}.",
            do=f"Allow it on {self.host} (visudo -f /etc/sudoers.d/drillyard): "
            f"{me.user} ALL=(ALL) NOPASSWD: ALL, or log in as {order.user}.",
        )

    def _outcome(self, ask: Sh, job: Job, done: Done, line: list[str]) -> Done:
        """Return how a job ended, from the line its folder answers with."""
        match line:
            case ["done", rc, start, end]:
                seconds = float(end) - float(start) or done.seconds
                limits = (124, 137) if self._arrive().limits else (124, 137, 143)
                # /proc/uptime counts in hundredths of a second.
                if int(rc) in limits and seconds >= ask.timeout - 0.02:
                    raise self._timed_out(Order((), str(ask), seconds=ask.timeout))
                return Done(int(rc), done.out, done.err, seconds, done.spill)
            case ["lost", _]:
                raise self._unknown(ask, job)
        if done.rc not in _NEVER_BEGUN:
            raise self._unknown(ask, job)
        found = done.err.decode("utf-8", "replace").strip() or "no answer"
        raise StepFailed(
            f"{self.host}: `{ask}` was not begun, as its files {job.path}.* could not be written: {found}",
            do=f"Make room for it, or set another state_dir for {self.host}.",
        )

    def _unknown(self, ask: Sh, job: Job) -> ContactLost:
        return ContactLost(
            f"{self.host}: `{ask}` was begun and ended without leaving its outcome "
            f"(it was killed, or the host was restarted): whether it was done is unknown.",
            do=f"Look on {self.host} at the newest .out and .err of {job.path}.*, and whether it "
            f"{ask.changes or 'did its work'}; remove {job.path}.* to have it run again.",
        )

    def _timed_out(self, order: Order) -> TimedOut:
        return TimedOut(
            f"{self.host}: `{order.what}` did not end in {order.seconds:g} s and was ended on the host.",
            do="Look at why it hangs, or give it a longer timeout.",
        )

    def _late(self, order: Order, late: Overdue, changes: str, job: Job | None) -> Exception:
        if self._kill(job.path, job.user) if job else late.ended or self._end_rest(order):
            return self._timed_out(order)
        return ContactLost(
            f"{self.host}: `{order.what}` did not end in {order.seconds:g} s and could not be ended: "
            f"it may still run there.",
            do=_afterwards(self.host, changes, job),
        )

    def _end_rest(self, order: Order) -> bool:
        """Kill what `_carry` could not; say whether it has ended now. Most roads cannot."""
        del order
        return False

    def _kill(self, what: str, user: str) -> bool:
        """Kill a session, or that of the job in a folder; say whether that was possible."""
        argv = ("sh", "-c", script("end"), "sh", what)
        try:
            return self._send(Order(argv, "kill", user=user, seconds=10), _drop, Kept(10_000)).rc == 0
        except DrillyardError:
            return False

    def _lost(self, order: Order, gone: Gone, changes: str, job: Job | None) -> Exception:
        if not gone.begun:
            return Unreachable(f"{self.host}: {gone.reason}; `{order.what}` was not sent.")
        return ContactLost(
            f"{self.host}: {gone.reason} while `{order.what}` was running.",
            do=_afterwards(self.host, changes, job),
        )


def _afterwards(host: str, changes: str, job: Job | None) -> str:
    if job is not None:
        return f"It goes on without us; resume and its outcome is taken up from {job.path}.* on {host}."
    if changes:
        return f"Whether it {changes} is unknown: look on {host} before it is asked again."
    return "It changes nothing: ask again when the host answers."


def _drop(data: bytes) -> None:
    del data
