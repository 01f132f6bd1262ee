"""A plan as text: the same for the same world, so that it can be reviewed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from agent.language import Language, say

if TYPE_CHECKING:
    from agent.runbook.order import Order
    from agent.runbook.plan import Planned

_WIDTH = 150
_VERDICTS = {
    "would run": ("would run", "실행"),
    "would skip": ("not needed", "필요 없음"),
    "depends": ("depends on", "다음에 달림"),
    "would fail": ("WOULD FAIL", "실패 예상"),
    "unreachable": ("NOT REACHED, nothing can be foreseen there", "접속 불가, 예측할 수 없음"),
}


def lines(order: Order, planned: Sequence[Planned]) -> Iterator[str]:
    """Yield the plan's lines: page and hosts, then each step with its looks (?) and changes (!)."""
    language: Language = order.language
    yield f"{say(order.page.title, language)} ({order.page.name})"
    for host in order.hosts:
        yield f"{host.name} ({host.address}:{host.port})"
        for each in planned:
            if each.host != host.name:
                continue
            verdict = _VERDICTS[each.verdict][1 if language == "ko" else 0]
            name = f"{each.name}: " if each.name else ""
            yield f"  {name}{verdict} {each.hinges if each.verdict == 'depends' else ''}".rstrip()
            if each.refusal:
                yield f"      x {each.refusal}"
            for look in dict.fromkeys(each.looks):
                yield f"      ? {clip(look)}"
            for change in each.changes:
                yield f"      ! {clip(change)}"
            for line in (line for diff in each.diffs for line in diff.splitlines()):
                yield f"        {line}"
            if each.hinges and each.verdict != "depends":
                yield f"      … then it hinges on: {clip(each.hinges)}"


def clip(text: str) -> str:
    """Return a command short enough for a line; the journal of a run has it whole."""
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
