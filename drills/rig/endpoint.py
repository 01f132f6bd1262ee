"""Where the container engine is: DOCKER_HOST, else a docker context, else the local socket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.errors import EngineMissing

_HERE = ("", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Endpoint:
    """An engine's address, what led to it, and the folder of its TLS files ("" where it has none)."""

    url: str
    why: str
    tls: str = ""
    verify: bool = True

    @property
    def local(self) -> bool:
        """Whether a port published on 127.0.0.1 there is one on 127.0.0.1 here."""
        parts = urlsplit(self.url)
        return parts.scheme in ("unix", "npipe") or (parts.scheme != "ssh" and parts.hostname in _HERE)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead docker's and compose's command line to the same engine."""
        chosen = {"DOCKER_HOST": self.url}
        if self.tls:
            chosen |= {"DOCKER_CERT_PATH": self.tls, "DOCKER_TLS_VERIFY": "1" if self.verify else ""}
        return chosen


def find(env: Mapping[str, str], home: Path) -> Endpoint:
    """Return where docker's own command line would go with these variables and this home folder.

    Nothing is connected to. The order is docker's: DOCKER_HOST, DOCKER_CONTEXT, the current context of
    config.json, the default socket; then the sockets of a rootless engine and of Docker Desktop.

    Raises:
        EngineMissing: the named context does not exist, or cannot be read.
    """
    if url := env.get("DOCKER_HOST"):
        tls = env.get("DOCKER_CERT_PATH") or (str(home / ".docker") if env.get("DOCKER_TLS_VERIFY") else "")
        return Endpoint(url, "DOCKER_HOST", tls, not tls or bool(env.get("DOCKER_TLS_VERIFY")))
    config = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    name = env.get("DOCKER_CONTEXT") or _current_context(config / "config.json")
    if name and name != "default":
        return _context(config, name)
    default = Path("/var/run/docker.sock")
    rootless = Path(env.get("XDG_RUNTIME_DIR") or "/nonexistent") / "docker.sock"
    for socket in (default, rootless, home / ".docker/run/docker.sock"):
        if socket.exists():
            return Endpoint(f"unix://{socket}", "the local socket")
    return Endpoint(f"unix://{default}", "the local socket")


def _current_context(config: Path) -> str:
    try:
        return str(json.loads(config.read_text()).get("currentContext") or "")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, AttributeError) as error:
        raise EngineMissing(
            f"Expected docker's settings in {config}, found a file that cannot be read: {error}.",
            do="Mend or remove it, or set DOCKER_HOST.",
        ) from None


def _context(config: Path, name: str) -> Endpoint:
    """Read a context the way docker stores it: in a folder named by the SHA-256 of its name."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts/meta" / key / "meta.json"
    try:
        docker = json.loads(meta.read_text())["Endpoints"]["docker"]
        url = str(docker["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        raise EngineMissing(
            f"Expected the docker context {name!r} in {meta}, found none that can be read.",
            do="See `docker context ls`, or set DOCKER_HOST.",
        ) from None
    tls = config / "contexts/tls" / key / "docker"
    return Endpoint(
        url, f"the context {name}", str(tls) if tls.is_dir() else "", not docker.get("SkipTLSVerify", False)
    )
