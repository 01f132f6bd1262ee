"""Steps of the set-up of which none waits for another, side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def together(*steps: Callable[[], object], at_once: int = 8) -> None:
    """Run the steps, so many at once, until all have ended; then raise the first error in their order."""
    if not steps:
        return
    with ThreadPoolExecutor(at_once) as pool:
        under_way = [pool.submit(step) for step in steps]
    for each in under_way:
        each.result()
