"""The stacks' images: built once, and again only when something a build reads has changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from agent.errors import EngineMissing
from drills.rig import images
from drills.rig.adapt import LABEL
from drills.rig.engine import Engine
from setup import authorities, base_image, progress
from setup.together import together

STACKS = Path(__file__).parents[1] / "drills/stacks"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def contexts(stacks: Iterable[Path]) -> list[Path]:
    """Return every folder that a compose file in one of these folders builds from, and the toolbox's."""
    import yaml

    found = {images.TOOLBOX.resolve()}
    for folder in stacks:
        services: dict[str, Any] = yaml.safe_load((folder / "compose.yml").read_text())["services"]
        for service in services.values():
            build = service.get("build")
            context = build.get("context") if isinstance(build, dict) else build
            if context:
                found.add((folder / context).resolve())
    return sorted(found)


def ensure(engine: Engine, more: Iterable[Path] = ()) -> None:
    """Build what is missing, for our stacks and those in the folders of `more`.

    A stack whose compose file says `x-drillyard: {images: lazily}` is left to the first night that starts it.

    Raises:
        EngineMissing: a build failed; the sentence has its last words.
    """
    ours = (file.parent for file in sorted(STACKS.glob("*/compose.yml")))
    ensure_of(engine, [*(folder for folder in ours if not lazily(folder)), *more])


def lazily(stack: Path) -> bool:
    """Return whether the stack in that folder has its images built by the first night that wants them."""
    import yaml

    said: dict[str, Any] = yaml.safe_load((stack / "compose.yml").read_text())
    return bool((said.get("x-drillyard") or {}).get("images") == "lazily")


def ensure_of(engine: Engine, stacks: Iterable[Path]) -> None:
    """Build what is missing for the stacks in these folders; raises like `ensure`."""
    wanted = {images.tag(context): context for context in contexts(stacks)}
    present = {tag for image in engine.client.images.list() for tag in image.tags}
    missing = {tag: context for tag, context in wanted.items() if tag not in present}
    if not missing:
        return
    base = base_image.ensure(engine)
    # Two at once: a build waits for downloads as often as for the processor.
    together(*(partial(_replace, engine, tag, missing[tag], base) for tag in missing), at_once=2)


def _replace(engine: Engine, tag: str, context: Path, base: str) -> None:
    build(engine, tag, context, base)
    _forget_older(engine, tag)


def build(engine: Engine, tag: str, context: Path, base: str) -> None:
    """Build one image with the engine's own builder, which every engine has."""
    from docker.errors import APIError

    with progress.Doing(f"Building the image {tag}") as doing:
        kept: list[str] = []
        try:
            for line in engine.client.api.build(
                path=str(context),
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
                labels={LABEL: "1"},
                buildargs={"BASE_IMAGE": base, **_proxies(), **_authorities(context)},
            ):
                words = re.sub(r"\x1b\[[0-9;]*m", "", str(line.get("stream") or line.get("error") or ""))
                doing.heard(words)
                kept = [*kept[-7:], words.rstrip()]
                if "error" in line:
                    tail = "\n    ".join(filter(None, kept))
                    raise EngineMissing(f"The image {tag} could not be built from {context}:\n    {tail}\n")
        except APIError as error:
            raise EngineMissing(f"The image {tag} could not be built: {error.explanation}") from None


def _proxies() -> dict[str, str]:
    return {
        name: value
        for plain in _PROXIES
        for name in (plain, plain.upper())
        if (value := os.environ.get(name))
    }


def _authorities(context: Path) -> dict[str, str]:
    """Return the build argument EXTRA_CA, where the Dockerfile asks for it and this machine has one."""
    asked = "ARG EXTRA_CA" in (context / "Dockerfile").read_text()
    found = authorities.extra() if asked else ""
    return {"EXTRA_CA": found} if found else {}


def _forget_older(engine: Engine, tag: str) -> None:
    """Remove our image of the same name that this build took the place of, unless it is in use."""
    from docker.errors import APIError

    name = tag.partition(":")[0]
    for image in engine.client.images.list(name=name):
        for older in image.tags:
            if older != tag:
                try:
                    engine.client.images.remove(older)
                except APIError:
                    progress.say(f"setup: {older} is still in use and stays.")
