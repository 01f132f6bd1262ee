"""A road to nowhere with scripted answers: for tests of actions, and for anyone who writes one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.transport.ask import Done, Get, Put, Sh

Scripted = Done | str | bytes | int | Exception


class FakeRoad:
    """Answers what it was told to, remembers what it was asked, and refuses everything else.

        road = FakeRoad({"redis-cli PING": "PONG", "systemctl is-active *": [3, "active"]})

    An ask is matched by its text (`str(ask)`): exactly, else by the first pattern in which * stands for
    anything. An answer is a `Done`, an output (text or bytes), an exit code, or an error to raise; a list is
    given out one after the other, its last one again and again. `asked` is every ask in order, `files` what
    was put (and can be got), `waited` the seconds that would have been slept.
    """

    def __init__(
        self,
        answers: Mapping[str, Scripted | Sequence[Scripted]] | None = None,
        *,
        host: str = "fake",
        now: float = 1_750_000_000.0,
    ) -> None:
        """`now` is what its clock says before any waiting."""
        self.host = host
        self.asked: list[Sh | Put | Get] = []
        self.files: dict[str, bytes] = {}
        self.waited = 0.0
        self._now = now
        self._answers: dict[str, list[Scripted]] = {}
        self._jobs: dict[str, Done] = {}
        for pattern, answer in (answers or {}).items():
            several = isinstance(answer, Sequence) and not isinstance(answer, str | bytes)
            self.answer(pattern, *(answer if several else [answer]))  # type: ignore[misc]

    def answer(self, pattern: str, *answers: Scripted) -> None:
        """Add or replace the answers to what `pattern` matches."""
        self._answers[pattern] = list(answers)

    @property
    def commands(self) -> list[str]:
        """The text of every ask so far."""
        return [str(ask) for ask in self.asked]

    def open(self) -> None:
        """Nothing is to be opened."""

    def run(self, ask: Sh, *, job: str = "") -> Done:
        """Return the scripted answer; a job's name asked again returns its kept outcome.

        Raises:
            AssertionError: nobody scripted an answer to this.
        """
        self.asked.append(ask)
        if job and job in self._jobs:
            return self._jobs[job]
        answer = self._find(str(ask))
        done = Done(answer) if isinstance(answer, int) else answer
        if not isinstance(done, Done):
            done = Done(0, done.encode() if isinstance(done, str) else done)
        if job:
            self._jobs[job] = done
        return done

    def put(self, ask: Put) -> None:
        """Keep the file; raise where an error is scripted for it."""
        self.asked.append(ask)
        if self._pattern(str(ask)) is not None:
            self._find(str(ask))
        self.files[ask.path] = ask.content

    def get(self, ask: Get) -> bytes:
        """Return what was put there, or scripted."""
        self.asked.append(ask)
        if ask.path in self.files:
            return self.files[ask.path]
        answer = self._find(str(ask))
        match answer:
            case bytes():
                return answer
            case str():
                return answer.encode()
        raise AssertionError(f"the answer to `{ask}` should be text or bytes, not {answer!r}")

    def clock(self) -> float:
        """Return the scripted time and what has been waited since."""
        return self._now + self.waited

    def pause(self, seconds: float) -> None:
        """Let time pass at once."""
        self.waited += seconds

    def forget(self, run: str) -> None:
        """Drop the kept outcomes of jobs whose names begin with `run`."""
        self._jobs = {name: done for name, done in self._jobs.items() if not name.startswith(run)}

    def close(self) -> None:
        """Nothing is held open."""

    def _pattern(self, text: str) -> str | None:
        if text in self._answers:
            return text
        return next((pattern for pattern in self._answers if _matches(pattern, text)), None)

    def _find(self, text: str) -> Done | str | bytes | int:
        pattern = self._pattern(text)
        if pattern is None:
            known = "\n  ".join(self._answers) or "nothing"
            raise AssertionError(f"nobody scripted an answer to `{text}`; scripted are:\n  {known}")
        answers = self._answers[pattern]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
