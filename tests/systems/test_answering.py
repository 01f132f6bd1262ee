"""Whether Ollama and Huridocs serve, asked of the real stand-ins over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from agent.errors import ProofFailed
from agent.inventory.model import Host, Service
from agent.systems import huridocs, ollama
from agent.transport.local import LocalRoad
from agent.transport.perform import perform
from drills.stacks.images.refserver_app.standins.huridocs import Huridocs
from drills.stacks.images.refserver_app.standins.ollama import Ollama

SYSTEMS = {
    "ollama": (ollama, ollama.Ollama, Ollama, "/api/version"),
    "huridocs": (huridocs, huridocs.Huridocs, Huridocs, "/info"),
}


@pytest.fixture(params=SYSTEMS)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[ModuleType, object, ThreadingHTTPServer]]:
    """A system's verbs, what the inventory says of one, and the server that plays it."""
    module, kind, handler, path = SYSTEMS[request.param]
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}{path}"
    yield module, kind.of(Service(request.param, "h", "docker", "c", {"health": url})), server
    server.shutdown()
    server.server_close()


def test_one_that_answers_is_proved(
    served: tuple[ModuleType, object, ThreadingHTTPServer], tmp_path: Path
) -> None:
    """And it has no symptom, nor a backup that could be missing."""
    module, one, _ = served
    road = LocalRoad(Host("h", road="local", state_dir=str(tmp_path)))
    perform(module.prove(one), road)
    vitals = perform(module.diagnose(one), road)
    assert vitals.up
    assert not vitals.symptoms
    assert vitals.backup == ""


def test_one_that_is_gone_is_named(
    served: tuple[ModuleType, object, ThreadingHTTPServer], tmp_path: Path
) -> None:
    """By its own symptom; the proof fails."""
    module, one, server = served
    server.shutdown()
    server.server_close()
    road = LocalRoad(Host("h", road="local", state_dir=str(tmp_path)))
    with pytest.raises(ProofFailed, match="Connection refused"):
        perform(module.prove(one), road)
    vitals = perform(module.diagnose(one), road)
    assert [each.id for each in vitals.symptoms] == [f"{module.__name__.rpartition('.')[2]}.down"]
