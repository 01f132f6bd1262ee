"""The image every one of ours stands on: present, else pulled, else made from Debian's packages."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

from agent.errors import EngineMissing
from drills.rig import images
from drills.rig.adapt import LABEL
from drills.rig.engine import Engine
from setup import apt, progress

PULL_SECONDS = 120.0
CONNECT_SECONDS = 15.0
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def ensure(engine: Engine) -> str:
    """Return the name of a base image that is on the engine.

    Raises:
        EngineMissing: it is not there, no registry gave it, and it could not be made.
    """
    from docker.errors import ImageNotFound

    name = images.base_image()
    try:
        engine.client.images.get(name)
    except ImageNotFound:
        complaint = _pull(engine, name)
        if complaint:
            progress.say(f"setup: No registry gave {name} ({complaint}).")
            _make(engine, name)
    return name


def _pull(engine: Engine, name: str) -> str:
    """Pull, and return what went wrong or nothing.

    The engine itself may try a dead network for minutes, so the first word has to come soon.
    """
    from docker.errors import APIError

    outcome: list[str] = []
    heard = threading.Event()
    over = threading.Event()

    def pull() -> None:
        try:
            for line in engine.client.api.pull(name, stream=True, decode=True):
                heard.set()
                if "error" in line:
                    outcome.append(str(line["error"]))
        except (APIError, OSError) as error:
            outcome.append(str(getattr(error, "explanation", None) or error))
        over.set()
        heard.set()

    with progress.Doing(f"Pulling {name}"):
        threading.Thread(target=pull, daemon=True).start()
        if not heard.wait(CONNECT_SECONDS):
            return f"no word from it in {CONNECT_SECONDS:.0f} s"
        if not over.wait(PULL_SECONDS):
            return f"not finished in {PULL_SECONDS:.0f} s"
    return outcome[0] if outcome else ""


def _make(engine: Engine, name: str) -> None:
    if name != images.BASE:
        raise EngineMissing(
            f"Expected the image {name} (BASE_IMAGE), it is neither on the engine nor in a registry.",
            do=f"Pull or build it, or unset BASE_IMAGE to use {images.BASE}.",
        )
    if not shutil.which("mmdebstrap"):
        apt.install("mmdebstrap", because=f"{name} has to be made from packages", error=EngineMissing)
    with tempfile.TemporaryDirectory(prefix="drillyard-base-") as folder:
        tar = Path(folder) / "base.tar"
        skip = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
        progress.run(
            f"Making {name} from Debian's packages",
            ["mmdebstrap", "--variant=apt", "--include=ca-certificates", *skip, "bookworm", str(tar)],
            failed=EngineMissing,
        )
        with progress.Doing(f"Importing {name}"):
            repository, _, tag = name.partition(":")
            engine.client.api.import_image_from_file(
                str(tar), repository, tag, changes=['CMD ["bash"]', f"LABEL {LABEL}=1"]
            )
