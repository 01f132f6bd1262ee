"""A throwaway server that goes away while it loads is a load that failed, not an accident."""

import pytest

from agent.payload.scratch import LoadFailed, Server

_DIES = """#!/usr/bin/env python3
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("s")
listener.listen()
open("log", "w").write("1:M 01 Jan 2026 00:00:00.000 # Internal error in RDB reading\\n")
one, _ = listener.accept()
one.close()
sys.exit(1)
"""


def test_a_server_that_dies_under_the_first_question(tmp_path, monkeypatch):
    """Its last words are the reason, so the rebuild goes on with its next best foundation."""
    binary = tmp_path / "redis-server"
    binary.write_text(_DIES)
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    folder = tmp_path / "scratch"
    folder.mkdir()
    with (
        pytest.raises(LoadFailed, match="Internal error in RDB reading"),
        Server(folder, "root", timeout=120),
    ):
        pytest.fail("it never answered")
