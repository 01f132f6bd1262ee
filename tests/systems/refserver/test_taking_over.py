"""A spare takes a host's place only where that one answers nobody, and the spare does not serve yet."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agent.errors import Refused
from agent.inventory.model import Service
from agent.runbook.load import load_page
from agent.systems import refserver
from agent.systems.refserver import Refserver
from agent.transport.ask import Done, Sh
from tests.systems.refserver.test_standing import answered

SPARE = Refserver.of(
    Service("refserver", "ref2", "docker", "refserver2", {"health": "http://ref2:8060/health"})
)
OLD = "http://ref1:8060/health"


def said(code: int) -> Done:
    """What the health check's asker prints."""
    return Done(0, json.dumps({"code": code, "said": {}, "text": ""}).encode())


SILENT = Done(0, b'{"answers":{},"looks":5,"silent":{}}')


def came(way: str, words: str, look: int = 1) -> Done:
    """Somebody answered by that way."""
    return Done(0, json.dumps({"answers": {way: words}, "looks": look, "silent": {}}).encode())


def asked(ask: Sh) -> dict[str, Any]:
    """What the look was told."""
    found: dict[str, Any] = json.loads(ask.argv[-1])
    return found


def test_a_lost_host_and_an_idle_spare() -> None:
    """Both are asked, the old one several times over a minute and by SSH too, and neither answers."""
    asks = answered(refserver.lost(SPARE, "ref1", OLD), SILENT, said(0))
    assert asks[1].argv[-1] == "http://ref2:8060/health"
    told = asked(asks[0])
    assert told["ways"] == [OLD, "ref1:22"]
    assert (told["looks"], told["span"]) == (5, 60)
    assert asks[0].timeout > 5 * told["patience"] + 60


def test_its_ssh_may_be_elsewhere_and_the_span_longer() -> None:
    """As the inventory and the run say."""
    told = asked(answered(refserver.lost(SPARE, "ref1", OLD, "10.0.0.1:2222", 300), SILENT, said(0))[0])
    assert told["ways"] == [OLD, "10.0.0.1:2222"]
    assert (told["looks"], told["span"]) == (21, 300)


@pytest.mark.parametrize(
    ("way", "words"),
    [(OLD, "200"), (OLD, "503"), (OLD, "it turns connections down"), ("ref1:22", "it takes connections in")],
)
def test_a_host_that_answers_is_not_lost(way: str, words: str) -> None:
    """However badly, by whichever way, at whichever look: two that serve would part the data."""
    sentence = f"expected ref1 to be lost, found at look 3 of 5 that {way} answers: {words}"
    with pytest.raises(Refused, match=re.escape(sentence)):
        answered(refserver.lost(SPARE, "ref1", OLD), came(way, words, 3))
    with pytest.raises(Refused, match="expected ref1 to be lost"):
        answered(refserver.still_lost(SPARE, "ref1", OLD), came(way, words))


def test_a_spare_that_serves_is_left_alone() -> None:
    """What its users wrote would be put aside."""
    with pytest.raises(Refused, match="serves nobody yet, found that it answers 200"):
        answered(refserver.lost(SPARE, "ref1", OLD), SILENT, said(200))


def test_right_before_users_are_sent_it_is_asked_again() -> None:
    """The spare serves by then, which is as it should be; the page asks directly before it switches."""
    (ask,) = answered(refserver.still_lost(SPARE, "ref1", OLD), SILENT)
    assert asked(ask)["looks"] == 2
    steps = [step.id for step in load_page("host_lost").steps]
    assert steps[steps.index("switch") - 1] == "still"


def test_without_an_address_a_person_has_to_see() -> None:
    """Nothing is asked of a host whose address nobody gave."""
    asks = answered(refserver.lost(SPARE, "ref1", ""), said(0))
    assert [ask.argv[-1] for ask in asks] == ["http://ref2:8060/health"]
