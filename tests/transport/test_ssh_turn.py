"""A command that ignores its input never costs the connection, however late our side is."""

import threading

import paramiko
import pytest
from paramiko.common import cMSG_CHANNEL_DATA, cMSG_CHANNEL_EOF

from agent.transport import open_road
from agent.transport.ask import Sh
from agent.transport.ssh_turn import on_close


@pytest.mark.parametrize("late", [cMSG_CHANNEL_EOF, cMSG_CHANNEL_DATA], ids=["eof", "data"])
@pytest.mark.parametrize("size", [10, 3_000_000], ids=["small", "large"])
def test_input_that_comes_too_late(sshd, monkeypatch, late, size):
    """What is written as the host closes the channel goes out before our own close, or not at all."""
    send = paramiko.Transport._send_user_message
    begun = threading.Event()

    def send_late(self, message):
        if message.asbytes()[:1] == late and not begun.is_set():
            # A busy machine: the command has ended and its channel is closed before this goes out.
            threading.Event().wait(0.3)
            begun.set()
        return send(self, message)

    monkeypatch.setattr(paramiko.Transport, "_send_user_message", send_late)
    road = open_road(sshd.host())
    try:
        for _ in range(3):
            assert road.run(Sh("sleep", "0.1", stdin=b"x" * size)).rc == 0
        assert road.run(Sh("echo", "still here")).text == "still here"
    finally:
        road.close()


def test_a_close_while_keys_are_exchanged_holds_nobody_up(sshd):
    """Who reads for the connection reads on: that is what ends the exchange for which sending waits."""
    road = open_road(sshd.host())
    try:
        road.open()
        transport = road._line.transport
        channel = transport.open_session()
        transport.clear_to_send.clear()
        reader = threading.Thread(target=on_close, args=(channel, paramiko.Message()), daemon=True)
        reader.start()
        reader.join(60)
        assert not reader.is_alive()
        transport.clear_to_send.set()
        assert road.run(Sh("echo", "still here")).text == "still here"
    finally:
        road.close()
