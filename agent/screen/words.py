"""The few words the screens say themselves, in English and Korean."""

from __future__ import annotations

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
    "after": ("Now, by hand", "이어서 사람이 할 일"),
    "journal": ("journal", "기록"),
    "audit": ("Audit ends with", "감사 기록의 마지막 해시"),
    "all done": ("Recovered and proved", "복구와 검증 완료"),
}


def word(key: str, language: Language) -> str:
    """Return one of the screens' own words."""
    return _WORDS[key][1 if language == "ko" else 0]


def seconds(value: float) -> str:
    """Return a length of time as a person reads it: `0.4 s`, `75 s`, `12 min 05 s`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"
