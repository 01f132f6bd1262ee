"""The few words the screens say themselves, in English and Korean."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from agent.language import Language

_WORDS: dict[str, tuple[str, str]] = {
    "done": ("done", "완료"),
    "failed": ("FAILED", "실패"),
    "skipped": ("not needed", "건너뜀"),
    "started": ("running", "진행 중"),
    "unknown": ("UNKNOWN", "알 수 없음"),
    "unreachable": ("UNREACHABLE", "연결 불가"),
    "stopped": ("stopped", "중단됨"),
    "over budget": ("over its budget", "예상 시간 초과"),
    "of": ("of", "/"),
    "before": ("done before the interruption", "중단 전에 완료"),
    "resumed": ("resumed", "재개"),
    "on": ("on", "대상"),
    "changed": ("changed", "변경"),
    "resume": ("Go on with", "계속하려면"),
    "locked": ("Still locked", "아직 잠겨 있음"),
    "unlock": (
        "The resume releases it; only where nobody will resume",
        "재개하면 풀리며, 아무도 재개하지 않을 때만",
    ),
    "after": ("Now, by hand", "이어서 사람이 할 일"),
    "journal": ("journal", "기록"),
    "audit": ("Audit ends with", "감사 기록의 마지막 해시"),
    "elapsed": ("elapsed", "경과"),
    "left": ("left", "남음"),
    "missed": ("OVER", "초과"),
    "told": ("told", "알림"),
    "not told": ("was not told", "알리지 못함"),
    "told the end": ("told how it ended", "결과를 알림"),
    "by hand": ("To be called by hand", "직접 연락할 곳"),
    "ending": ("ending after this, Ctrl-C ends now", "이 작업 후 종료, Ctrl-C는 즉시 종료"),
    "ending now": (
        "Ending after what is in flight; press Ctrl-C again to end now.",
        "진행 중인 작업 후 종료합니다. 바로 끝내려면 Ctrl-C를 한 번 더 누르십시오.",
    ),
    "ended": ("Ended at once.", "즉시 종료했습니다."),
    "in flight": ("In flight, and unknown:", "진행 중이었고 결과를 알 수 없음:"),
    "none in flight": ("Nothing was in flight.", "진행 중인 작업은 없었습니다."),
    "yes or no": ("yes/no", "예/아니오"),
    "answer within": ("in {}", "{} 안에"),
    "run it": ("Run {} on {}?", "{} 페이지를 {}에서 실행할까요?"),
    "type its name": (
        "{} is a production host. Type its name to touch it: ",
        "{}: 운영(production) 호스트입니다. 작업하려면 호스트 이름을 입력하십시오: ",
    ),
    "above": ("lines more above", "줄 더 있음"),
    "connect": ("Connect", "연결"),
    "more failures": (
        "it fails on more hosts; the journal has why",
        "더 많은 호스트에서 실패, 이유는 기록에 있음",
    ),
    "all done": ("Recovered and proved", "복구와 검증 완료"),
    "not proved": (
        "Done, and nothing is proved: the page makes no claims",
        "완료, 검증 항목이 없어 검증되지 않음",
    ),
}


def word(key: str, language: Language) -> str:
    """Return one of the screens' own words."""
    return _WORDS[key][1 if language == "ko" else 0]


def countdown(rto: float, left: float, language: Language) -> str:
    """Return how the recovery time objective stands: `RTO 30 min, 12 min 05 s left`."""
    whole = f"{rto / 60:.0f} min" if rto % 60 == 0 else seconds(rto)
    return f"RTO {whole}, {seconds(abs(left))} {word('left' if left >= 0 else 'missed', language)}"


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for each letter of Hangul."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def named(names: Sequence[str], width: int) -> str:
    """Return names side by side in so many columns: `web1, web2, … (64)` where there are too many."""
    whole = ", ".join(names)
    if columns(whole) <= width:
        return whole
    rest = f"… ({len(names)})"
    shown = ""
    for name in names:
        if columns(shown + name + ", " + rest) > width:
            break
        shown += f"{name}, "
    return shown + rest


def seconds(value: float) -> str:
    """Return a length of time as a person reads it: `0.4 s`, `75 s`, `12 min 05 s`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"
