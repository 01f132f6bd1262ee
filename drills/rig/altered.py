"""A page of the agent with something wrong in it: proofs that a drill can fail run these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.naming import find_page
from agent.runbook.load import load_page


def without_step(page: str, do: str, folder: Path, instead: Mapping[str, str] | None = None) -> Path:
    """Write that page without the first step that does `do`, or has that id, into `folder`; return that.

    What other steps make of what that one registers is replaced by `instead`, wherever it stands: a page that
    names what no step registers is refused before it is begun, and that says nothing about the drill.
    """
    path = find_page(page)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    # Steps of a page that this one includes are written elsewhere.
    written = [step for step in load_page(path).every_step() if step.at.file == str(path)]
    steps = sorted(written, key=lambda step: step.at.line)
    gone = next(step for step in steps if do in (step.do, step.id))
    after = next(step for step in steps if step.at.line > gone.at.line)
    text = "".join(lines[: gone.at.line - 1] + lines[after.at.line - 1 :])
    for old, new in (instead or {}).items():
        assert old in text, f"{old!r} does not stand in {path.name}"
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_text(text, "utf-8")
    return folder


def with_text(page: str, old: str, new: str, folder: Path) -> Path:
    """Write that page with `new` in the place of `old`, which stands there once, into `folder`; return it."""
    return with_texts(page, {old: new}, folder)


def with_texts(page: str, instead: Mapping[str, str], folder: Path) -> Path:
    """Write that page with each text replaced, which stands there once, into `folder`; return the folder."""
    path = find_page(page)
    text = path.read_text("utf-8")
    for old, new in instead.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_text(text, "utf-8")
    return folder


def of_text(page: str, text: str, folder: Path) -> Path:
    """Write a page of one's own under that name into `folder`, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{page}.yml").write_text(text, "utf-8")
    return folder
