"""What people are told of a run, in English and Korean; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.language import Language, Text, say
from agent.secrets import mask

_MOST_HOSTS = 6


@dataclass(frozen=True)
class Message:
    """A subject in one line, and the text below it."""

    subject: str
    text: str


@dataclass(frozen=True)
class Situation:
    """How a run stands: times in seconds, `rto` 0 where the page promises none.

    `steps` are those at work. `outcome` is empty while it goes on; `sentence` says why it is not done, and
    `resume` is empty where nobody is to go on. `proved` is whether the page had claims, which held.
    """

    page: str
    title: Text
    hosts: tuple[str, ...]
    steps: tuple[Text, ...]
    elapsed: float
    rto: float
    folder: str
    resume: str
    outcome: str = ""
    sentence: str = ""
    proved: bool = True


_OUTCOMES: dict[str, tuple[str, str]] = {
    "": ("recovery under way", "복구 진행 중"),
    "done": ("recovered and proved", "복구와 검증 완료"),
    "failed": ("FAILED", "실패"),
    "not proved": ("done, and nothing was proved", "완료, 검증되지 않음"),
    "stopped": ("stopped before its end", "끝나기 전에 중단됨"),
    "unknown": ("UNKNOWN how it stands", "상태를 알 수 없음"),
}
_LABELS: dict[str, tuple[str, str]] = {
    "page": ("Page", "페이지"),
    "hosts": ("Hosts", "호스트"),
    "step": ("At work", "진행 단계"),
    "time": ("Elapsed", "경과"),
    "why": ("Why", "이유"),
    "hand": ("To be called by hand", "직접 연락할 곳"),
    "resume": ("Go on with", "계속하려면"),
    "folder": ("Run folder", "실행 폴더"),
}


def message_for(
    situation: Situation, language: Language | None = None, by_hand: Sequence[str] = ()
) -> Message:
    """Return the message about a run in one language, or in both where none is given; secrets are masked.

    `by_hand` are those of the same level whom no channel reaches.
    """
    languages: tuple[Language, ...] = (language,) if language else ("en", "ko")
    subject = " / ".join(_outcome(situation, each) for each in languages)
    text = "\n\n".join("\n".join(_lines(situation, each, by_hand)) for each in languages)
    return Message(mask(f"[drillyard] {situation.page}: {subject}"), mask(text))


def against_rto(elapsed: float, rto: float, language: Language) -> str:
    """Return the time gone by against the objective: `16 min of 30 min (RTO), 14 min left`."""
    korean = language == "ko"
    if not rto:
        return _minutes(elapsed, korean)
    left = rto - elapsed
    times = _minutes(elapsed, korean), _minutes(rto, korean), _minutes(abs(left), korean)
    if korean:
        return f"{times[0]} / RTO {times[1]}, {times[2]} {'남음' if left >= 0 else '초과'}"
    return f"{times[0]} of {times[1]} (RTO), {times[2]} {'left' if left >= 0 else 'OVER'}"


def _lines(situation: Situation, language: Language, by_hand: Sequence[str]) -> list[str]:
    def line(label: str, text: str) -> str:
        return f"{_LABELS[label][language == 'ko']}: {text}"

    found = [
        say(situation.title, language),
        _outcome(situation, language),
        line("page", situation.page),
        line("hosts", _named(situation.hosts)),
    ]
    if situation.steps and not situation.outcome:
        found.append(line("step", ", ".join(say(each, language) for each in situation.steps)))
    found.append(line("time", against_rto(situation.elapsed, situation.rto, language)))
    if situation.sentence:
        found.append(line("why", situation.sentence))
    if by_hand:
        found.append(line("hand", ", ".join(by_hand)))
    if situation.outcome != "done" and situation.resume:
        found.append(line("resume", situation.resume))
    found.append(line("folder", situation.folder))
    return found


def _outcome(situation: Situation, language: Language) -> str:
    outcome = "not proved" if situation.outcome == "done" and not situation.proved else situation.outcome
    return _OUTCOMES.get(outcome, _OUTCOMES["failed"])[language == "ko"]


def _named(hosts: Sequence[str]) -> str:
    if len(hosts) <= _MOST_HOSTS:
        return ", ".join(hosts)
    return f"{', '.join(hosts[:_MOST_HOSTS])}, … ({len(hosts)})"


def _minutes(value: float, korean: bool) -> str:
    if value < 60:
        return f"{value:.0f}초" if korean else f"{value:.0f} s"
    return f"{value / 60:.0f}분" if korean else f"{value / 60:.0f} min"
