"""A program's answer as JSON on standard output, whatever names the files of its host have."""

from __future__ import annotations

import json
import sys
from typing import Any


def tell(answer: Any) -> None:
    """Write an answer; the bytes of a name that are not UTF-8 (CP949, say) are spelt out, as in \\udcc7."""
    sys.stdout.write(json.dumps(_plain(answer)))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_plain(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
