"""The client that drills of the chat stack write and look with, on the real application in two processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.subjects.chat import ChatSubject
from tests.subjects.local_chat import Chat


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatSubject]:
    """The application, with a hundred messages in it."""
    chat = Chat(Path(tmp_path_factory.mktemp("chat")))
    try:
        chat.start()
        found = ChatSubject(chat.url, "", preload_count=100)
        assert [len(seqs) for seqs, _, _ in found.preload(0, 100)] == [100]
        yield found
    finally:
        chat.stop()


def test_looks_keep_to_another_process_than_writes(subject: ChatSubject) -> None:
    """Whatever process took the connections first: it is not by chance how fast writes are."""
    for number in range(8):
        writer, looker = subject.hand(), subject.hand()
        looker.probe(0)
        writer.write(100 + number, subject.plan(100 + number))
        looker.probe(1)
        looker.probe(2)
        assert subject.seat.process not in looker.looked_by
        assert len(looker.looked_by) == 1
        writer.close()
        looker.close()


def test_a_topic_where_nobody_gave_one_is_read_back_as_what_nobody_wrote(subject: ChatSubject) -> None:
    """A room that fills up has none: damage to it does not hide behind the room's messages."""
    before = subject.read_back().contents
    with subject.client() as client:
        login = {"email": "writer@drill.example", "password": subject.password}
        token = client.post("/sessions", json=login).json()["token"]
        said = {"Authorization": f"Bearer {token}"}
        assert client.put("/rooms/drill-room-00000/topic", json={"topic": "x"}, headers=said).is_success
    assert {*subject.read_back().contents} - {*before} == {"room:00000 topic"}
