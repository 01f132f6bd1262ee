"""A plan as text: the same for the same world, so that it can be reviewed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from agent.language import Language, say

if TYPE_CHECKING:
    from agent.runbook.order import Order
    from agent.runbook.plan import Part, Planned

_WIDTH = 150
_VERDICTS = {
    "would run": ("would run", "실행"),
    "would skip": ("not needed", "필요 없음"),
    "depends": ("depends on", "다음에 달림"),
    "would fail": ("WOULD FAIL", "실패 예상"),
    "unreachable": ("NOT REACHED, nothing can be foreseen there", "접속 불가, 예측할 수 없음"),
}
_PARTS = {
    "rescue": ("If a step of {} fails:", "{}의 단계가 실패하면:"),
    "always": ("In any case, after {}:", "{} 다음에는 어느 경우든:"),
    "undo": ("If a later step fails, {} is taken back:", "이후 단계가 실패하면 되돌림 ({}):"),
}


def lines(order: Order, planned: Sequence[Planned]) -> Iterator[str]:
    """Yield the plan's lines: page and hosts, then each step with its looks (?) and changes (!)."""
    language: Language = order.language
    yield f"{say(order.page.title, language)} ({order.page.name})"
    for host in order.hosts:
        where = f"{host.address}:{host.port}" if host.road == "ssh" else host.address or host.road
        yield f"{host.name} ({where})"
        parts: tuple[Part, ...] = ()
        for each in planned:
            if each.host == host.name:
                for depth, part in enumerate(each.parts):
                    if parts[: depth + 1] != each.parts[: depth + 1]:
                        yield "  " * (depth + 1) + _heading(part, language)
                parts = each.parts
                yield from ("  " * len(parts) + line for line in _step(each, language))


def _heading(part: Part, language: Language) -> str:
    return _PARTS[part.kind][1 if language == "ko" else 0].format(part.name)


def _step(each: Planned, language: Language) -> Iterator[str]:
    verdict = _VERDICTS[each.verdict][1 if language == "ko" else 0]
    name = f"{each.name}: " if each.name else ""
    yield f"  {name}{verdict} {each.hinges if each.verdict == 'depends' else ''}".rstrip()
    if each.asks:
        first = "먼저 사람에게 묻습니다" if language == "ko" else "first a person is asked"
        yield f"      … {first}: {each.asks}"
    if each.refusal:
        yield f"      x {each.refusal}"
    for look in dict.fromkeys(each.looks):
        yield f"      ? {clip(look)}"
    for change in each.changes:
        yield f"      ! {clip(change)}"
    for line in (line for diff in each.diffs for line in diff.splitlines()):
        yield f"        {line}"
    if each.hinges and each.verdict != "depends":
        then = "그다음은 여기에 달림" if language == "ko" else "then it hinges on"
        yield f"      … {then}: {clip(each.hinges)}"


def clip(text: str) -> str:
    """Return a command short enough for a line; the journal of a run has it whole."""
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
