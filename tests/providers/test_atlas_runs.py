"""Whole runs against the stand-in: killed anywhere and taken up, a restore is begun once; nothing leaks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import main
from drills.standins.atlas import Atlas, running
from tests.providers.chat import PASSWORD, Chat, world_of_chat

RESTORE = "POST .*restoreJobs$"


@pytest.fixture
def chat(live: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chat:
    """The inventory, page and runs of one run."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "chat/tokens"))
    return Chat.made(tmp_path / "chat", live)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """One run from its beginning to its end, on a stand-in of its own."""
    with running(world_of_chat()) as fake, pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("whole")
        patch.setenv("XDG_STATE_HOME", str(folder / "tokens"))
        chat = Chat.made(folder / "chat", fake)
        assert main(chat.run) == 0
        yield chat


def test_a_run_leaves_no_secret_behind(whole: Chat) -> None:
    """Journal, audit and outputs are searched, token and connection strings among what must not be there."""
    secrets = [whole.fake.guard.client_secret, PASSWORD, *whole.fake.guard.tokens]
    assert len(secrets) > 2
    for path in (whole.folder / "runs").rglob("*"):
        if path.is_file():
            for secret in secrets:
                assert secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("share", [0.15, 0.4, 0.55, 0.75, 0.9])
def test_a_killed_controller_restores_once(chat: Chat, live: Atlas, whole: Chat, share: float) -> None:
    """Killed part of the way and resumed: one restore, its result in the references."""
    assert chat.killed_at(int(whole.lines() * share))
    assert main(chat.resume) == 0
    assert live.times(RESTORE) == 1
    assert "chat-dr" in (chat.folder / "secrets/spare_app_uri").read_text()


def _cut_while_atlas_holds(chat: Chat, live: Atlas, *, program_too: bool) -> None:
    """Kill the controller between Atlas's doing and its answer; with `program_too` all that is ours."""
    held = live.trouble(RESTORE, "hold")
    words = [sys.executable, "-m", "agent", *chat.run]
    run = subprocess.Popen(words, env=chat.environment(), stdout=subprocess.DEVNULL)
    began = threading.Event()

    def watch() -> None:
        while not live.world.clusters["chat"].jobs and run.poll() is None:
            began.wait(0.01)
        began.set()

    watch()
    assert live.world.clusters["chat"].jobs, "the run ended before it began a restore"
    run.kill()
    run.wait()
    if program_too:
        for pid in _programs(chat):
            os.kill(pid, signal.SIGKILL)
    held.release.set()


def _programs(chat: Chat) -> list[int]:
    """Return the processes of the job that begins the restore: those that carry this folder's variable."""
    mark = f"XDG_STATE_HOME={chat.folder}/tokens".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("program_too", [False, True], ids=["controller", "controller and program"])
def test_killed_between_the_doing_and_the_answer(chat: Chat, live: Atlas, program_too: bool) -> None:
    """The worst place: Atlas has begun the restore, and nobody of ours heard it. It is found again."""
    _cut_while_atlas_holds(chat, live, program_too=program_too)
    assert main(chat.resume) == 0
    assert live.times(RESTORE) == 1
    assert len(live.world.clusters["chat"].jobs) == 1


def test_a_failed_step_does_not_restore_twice(chat: Chat, live: Atlas) -> None:
    """Atlas unreachable for good in the middle: the resumed run takes up the restore that goes on there."""
    from drills.standins.atlas.world import Refusal

    live.world.restoring = 5
    down = live.trouble("GET .*restoreJobs/", refusal=Refusal(403, "ACCESS_FORBIDDEN", "No."), times=99)
    assert main(chat.run) == 40
    down.times = 0
    assert main(chat.resume) == 0
    assert live.times(RESTORE) == 1
