"""Random pages and inventories by the thousand: each ends as what it is, or with one of our sentences.

    python bench/fuzz.py --examples 5000

Every example is read as an inventory in the YAML, INI and JSON layouts, and as a page, which is then proved
against an inventory. Anything but BadPage or BadInventory that names the file ends it with the example.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.inventory.test_fuzz import PUNCTUATION, SOUND, both

KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], list[bytes]]]] = {
    "bytes": (st.binary(max_size=300), lambda content: [content]),
    "punctuation": (PUNCTUATION, lambda text: [text.encode()]),
    "data": (
        SOUND,
        lambda data: [
            yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "replace"),
            json.dumps(data, default=str).encode("utf-8", "replace"),
        ],
    ),
}


def main() -> None:
    """Run each kind and print how many examples went through how many readings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    read = 0
    for name, (strategy, files) in KINDS.items():
        count = _run(strategy, files, options.examples, options.seed)
        read += count
        print(f"{name:<12} {count} files, each read 4 ways")
    print(f"{4 * read}/{4 * read} readings ended with a value or one of our sentences")


def _run(
    strategy: st.SearchStrategy[Any], files: Callable[[Any], list[bytes]], examples: int, start: int
) -> int:
    done = 0
    with TemporaryDirectory() as folder:

        @seed(start)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(value=strategy)
        def each(value: Any) -> None:
            nonlocal done
            for content in files(value):
                both(Path(folder) / "f.yml", content)
                done += 1

        each()
    return done


if __name__ == "__main__":
    main()
