"""What a search for damage found, told in both languages."""

from __future__ import annotations

from agent.cli.captured import damage_lines
from agent.language import Language
from agent.pitr.model import Candidate, Damage

WHEN = ("1795000000,1", "1795000002,9", "2026-11-18T11:06:40Z", "2026-11-18T11:06:42Z")
USUAL = Candidate("a", "delete", "shop.orders", 1200, 1200, *WHEN, seconds=2.0, usual=4.0)
RARE = Candidate("b", "update", "shop.orders", 1200, 1200, *WHEN, fields=("price",), seconds=2.0)
WHOLE = Candidate("c", "drop", "shop.orders", 1, 0, *WHEN)


def _told(candidate: Candidate, language: Language) -> list[str]:
    return [line.strip() for line in damage_lines(Damage("1,0", "2,0", 9, (candidate,)), None, language)][1:]


def test_a_burst_is_held_against_what_is_usual() -> None:
    """How many in how long, and how many otherwise; or that there hardly are any."""
    assert _told(USUAL, "en")[-1] == "1200 in 2 s, else one in 4 s"
    assert _told(RARE, "en")[1:] == ["fields: price", "1200 in 2 s, hardly ever else"]


def test_what_goes_at_one_blow_has_no_count_of_documents() -> None:
    """A dropped collection is told as what it is."""
    (said, held) = _told(WHOLE, "en")
    assert said == "c  drop of shop.orders at 1795000000,1 (2026-11-18T11:06:40Z)"
    assert held == "all of it, whatever it held"


def test_korean_readers_are_told_in_korean() -> None:
    """Every line but names and samples, the kind of change with the server's own word beside it."""
    assert _told(USUAL, "ko")[-1] == "2초 동안 1200건, 평소에는 4초에 1건"
    assert _told(RARE, "ko")[1:] == ["필드: price", "2초 동안 1200건, 평소에는 거의 없음"]
    assert "shop.orders의 문서 1200개 변경(update)" in _told(RARE, "ko")[0]
    (said, held) = _told(WHOLE, "ko")
    assert said == "c  shop.orders 컬렉션 삭제(drop), 1795000000,1 (2026-11-18T11:06:40Z)"
    assert held == "무엇이 들어 있었든 전부"
