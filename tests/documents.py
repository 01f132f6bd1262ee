"""The documents' commands and recipes, as the tests read them."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])

_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_RECIPE = re.compile(r"`([\w/.]+)`:\n\n```(?:yaml|python)\n(.*?)```", re.DOTALL)


def commands(document: Path) -> list[list[str]]:
    """The commands a document shows behind `$`, each as its words, comments left out."""
    shown = []
    for block in _CONSOLE.findall(document.read_text()):
        shown += [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line, comments=True) for line in shown]


def recipes() -> dict[str, str]:
    """The files that docs/adding.md tells a reader to write, by path."""
    return dict(_RECIPE.findall((ROOT / "docs/adding.md").read_text()))
