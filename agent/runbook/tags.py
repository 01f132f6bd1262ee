"""Which steps `--tags` chooses: those that carry a tag, what stands in them, and what is always done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from agent.errors import Usage
from agent.naming import did_you_mean
from agent.runbook.model import Item, Page, Step

ALWAYS = "always"
"""The tag of what is done whatever was chosen: what proves a page and checks its list, as in Ansible."""


def settled(page: Page) -> Page:
    """Return the page with the tags of a step on all that stands in it, and its proof tagged as always done.

    A block's rescue, what it always does and an undo have the tags of everything in the block: whoever
    chooses one of its steps has chosen to be rescued when that fails.
    """
    return msgspec.structs.replace(
        page,
        steps=tuple(_tagged(step, ()) for step in page.steps),
        prove=tuple(_tagged(step, (ALWAYS,)) for step in page.prove),
        after=tuple(_item(item) for item in page.after),
    )


def chosen(page: Page, given: Sequence[str]) -> tuple[str, ...]:
    """Return the tags a run keeps to, () where none is `given`.

    Raises:
        Usage: no step of the page has one of them.
    """
    known = sorted({tag for step in page.every_step() for tag in step.tags})
    for tag in given:
        if tag not in known:
            has = ", ".join(known)
            raise Usage(
                f"{page.name} has no step with the tag {tag!r}.{did_you_mean(tag, known)}",
                do=f"It has the tags {has}." if has else "None of its steps has a tag.",
            )
    return (*given, ALWAYS) if given else ()


def left_out(step: Step, kept: Sequence[str]) -> bool:
    """Whether tags are kept to and neither a step nor anything that stands in it has one of them."""
    return bool(kept) and not {*kept} & {*_inside((step,))}


def _tagged(step: Step, above: Iterable[str]) -> Step:
    tags = (*dict.fromkeys((*above, *step.tags)),)
    block = tuple(_tagged(each, tags) for each in step.block)
    with_it = (*dict.fromkeys((*tags, *_inside(block))),)
    return msgspec.structs.replace(
        step,
        tags=tags,
        block=block,
        rescue=tuple(_tagged(each, with_it) for each in step.rescue),
        always=tuple(_tagged(each, with_it) for each in step.always),
        undo=_tagged(step.undo, with_it) if step.undo else None,
    )


def _inside(steps: Iterable[Step]) -> list[str]:
    return [tag for step in steps for tag in (*step.tags, *_inside(step.inner()))]


def _item(item: str | Item) -> str | Item:
    if isinstance(item, str) or item.check is None:
        return item
    return msgspec.structs.replace(item, check=_tagged(item.check, (ALWAYS,)))
