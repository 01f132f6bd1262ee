"""Where the engine is looked for."""

import hashlib
import json
from pathlib import Path

import pytest

from agent.errors import EngineMissing
from drills.rig.endpoint import Endpoint, find


def context(home: Path, name: str, host: str, *, current: bool = True) -> Path:
    """Write a context the way docker stores it, and return docker's folder."""
    config = home / ".docker"
    folder = config / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": name, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(meta))
    if current:
        (config / "config.json").write_text(json.dumps({"currentContext": name}))
    return config


def test_docker_host_comes_first(tmp_path: Path) -> None:
    """DOCKER_HOST outranks a current context, as it does for docker itself."""
    context(tmp_path, "lab", "unix:///lab.sock")
    assert find({"DOCKER_HOST": "tcp://10.0.0.9:2375"}, tmp_path) == Endpoint(
        "tcp://10.0.0.9:2375", "DOCKER_HOST"
    )


def test_the_current_context_is_followed(tmp_path: Path) -> None:
    """Without DOCKER_HOST the current context of config.json leads the way."""
    context(tmp_path, "lab", "unix:///lab.sock")
    assert find({}, tmp_path) == Endpoint("unix:///lab.sock", "the context lab")


def test_docker_context_outranks_the_current_one(tmp_path: Path) -> None:
    """DOCKER_CONTEXT names another context for this one command; `default` means the local socket."""
    context(tmp_path, "lab", "unix:///lab.sock")
    context(tmp_path, "sea", "ssh://op@sea", current=False)
    assert find({"DOCKER_CONTEXT": "sea"}, tmp_path).url == "ssh://op@sea"
    assert find({"DOCKER_CONTEXT": "default"}, tmp_path).why == "the local socket"


def test_the_tls_files_of_a_context_are_found(tmp_path: Path) -> None:
    """A context's certificates go with it, to the SDK and to Compose."""
    config = context(tmp_path, "lab", "tcp://lab:2376")
    tls = config / "contexts/tls" / hashlib.sha256(b"lab").hexdigest() / "docker"
    tls.mkdir(parents=True)
    found = find({}, tmp_path)
    assert found.tls == str(tls)
    assert found.environment == {
        "DOCKER_HOST": "tcp://lab:2376",
        "DOCKER_CERT_PATH": str(tls),
        "DOCKER_TLS_VERIFY": "1",
    }


@pytest.mark.parametrize("broken", ["missing", "no host", "no json"])
def test_a_context_that_cannot_be_read_is_named(tmp_path: Path, broken: str) -> None:
    """A wrong context is an error with its name, never a silent fall back to the local engine."""
    config = context(tmp_path, "lab", "unix:///lab.sock")
    meta = next(config.rglob("meta.json"))
    match broken:
        case "missing":
            meta.unlink()
        case "no host":
            meta.write_text('{"Endpoints": {}}')
        case "no json":
            meta.write_text("{")
    with pytest.raises(EngineMissing, match="'lab'"):
        find({}, tmp_path)


def test_a_broken_config_is_an_error(tmp_path: Path) -> None:
    """A config.json that cannot be read might name a context, so we do not guess."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text("[")
    with pytest.raises(EngineMissing, match=r"config\.json"):
        find({}, tmp_path)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://localhost:2375", True),
        ("tcp://10.0.0.9:2375", False),
        ("ssh://localhost", False),
        ("ssh://op@far", False),
    ],
)
def test_local_means_its_loopback_is_ours(url: str, local: bool) -> None:
    """Only a local engine's ports on 127.0.0.1 can be reached from here."""
    assert Endpoint(url, "test").local is local
