"""A deterministic embedding: each word moves a few of 64 directions, and the whole has length one."""

from __future__ import annotations

import hashlib
import math
import re

DIMENSIONS = 64


def embedding(text: str) -> list[float]:
    """Return the vector of a text; texts that share words lie near each other."""
    total = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.blake2b(word.encode(), digest_size=16).digest()
        for at in range(0, 16, 2):
            total[digest[at] % DIMENSIONS] += 1.0 if digest[at + 1] & 1 else -1.0
    length = math.sqrt(sum(number * number for number in total)) or 1.0
    return [number / length for number in total]
