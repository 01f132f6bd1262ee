"""Notes of a command that is no run reach the person who typed it, and no secret with them."""

from __future__ import annotations

import pytest

from agent.cli.aloud import Aloud
from agent.secrets import never_show
from agent.transport.ask import Action, Note, Sh
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform


def noting() -> Action[str]:
    """Look, note something, end."""
    done = yield Sh("true")
    yield Note("s3://bucket: no versions are kept, and pa55-word is masked")
    return str(done.text)


def test_a_note_is_said_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, so that what a program reads stays as it is; asks are not told."""
    never_show("pa55-word")
    assert perform(noting(), FakeRoad({"true": "yes"}), Aloud()) == "yes"
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "note: s3://bucket: no versions are kept, and •••• is masked\n"


def test_without_it_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A look by a program of ours is silent."""
    perform(noting(), FakeRoad({"true": "yes"}))
    assert capsys.readouterr().err == ""
