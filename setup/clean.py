"""What we put on the engine, taken away again: what carries our label, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from agent.errors import EngineMissing, StepFailed
from drills.rig import images, toolbox
from drills.rig.adapt import LABEL, STACK_LABEL
from drills.rig.engine import Engine
from drills.rig.removal import remove
from drills.rig.stack import PRIVATE


def clean(engine: Engine, said: Callable[[str], None], stack: str = "") -> None:
    """Remove one stack, or without a name every container, network, volume and image of ours.

    Raises:
        StepFailed: something could not be removed; everything else was.
    """
    label = f"{STACK_LABEL}={stack}" if stack else f"{LABEL}=1"
    _let_go_of_disks(engine, label, stack or "drillyard-")
    remove(engine, label, said)
    for folder in _private(stack):
        shutil.rmtree(folder)
        said(f"secrets of {folder.name}")
    if not stack:
        _images(engine, said)


def ours(tags: list[str]) -> bool:
    """Return whether an image with our label is ours by name too.

    What others build on our base image inherits the label.
    """
    return all(tag.startswith(f"{images.REPOSITORY}/") or tag == images.BASE for tag in tags)


def _private(stack: str) -> list[Path]:
    return sorted(path for path in PRIVATE.glob(stack or "*") if path.is_dir())


def _let_go_of_disks(engine: Engine, label: str, name: str) -> None:
    """Detach loop devices first: with their image file gone nobody could tell that they are ours."""
    disks = engine.client.volumes.list(filters={"label": [label, "drillyard.disk"]})
    if not disks:
        return
    try:
        box = toolbox.start(engine, "clean", {})
        toolbox.let_go(box, name)
    except (EngineMissing, StepFailed) as error:
        raise StepFailed(f"The loop devices of {len(disks)} disks could not be let go: {error}") from None
    finally:
        remove(engine, f"{STACK_LABEL}=clean")


def _images(engine: Engine, said: Callable[[str], None]) -> None:
    from docker.errors import APIError, ImageNotFound

    complaints = []
    found = engine.client.images.list(filters={"label": f"{LABEL}=1"})
    # The base goes last: what is built on it holds it.
    for image in sorted(found, key=lambda image: images.BASE in image.tags):
        if not ours(image.tags):
            continue
        try:
            engine.client.images.remove(str(image.id), force=len(image.tags) > 1)
            said(f"image {', '.join(image.tags) or image.short_id}")
        except ImageNotFound:
            continue
        except APIError as error:
            complaints.append(f"{', '.join(image.tags)}: {error.explanation}")
    if complaints:
        raise StepFailed(f"Could not remove {'; '.join(complaints)}.")
