"""A host name with ranges, `db[01:20:2].example`, as the names it stands for."""

from __future__ import annotations

import re
import string

_RANGE = re.compile(r"\[([0-9]*|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]+))?\]")
_MOST = 10_000


def expand(pattern: str) -> list[str]:
    """Return the names that a pattern stands for, in order; both ends of a range belong to it.

    Raises:
        ValueError: the range cannot be read, runs backwards, or stands for more than 10000 names.
    """
    found = _RANGE.search(pattern)
    if not found:
        if "[" in pattern or "]" in pattern:
            raise ValueError(f"expected a range such as [01:20:2] or [a:c] in {pattern!r}")
        return [pattern]
    head, tail = pattern[: found.start()], expand(pattern[found.end() :])
    values = _values(found[1], found[2], int(found[3] or 1), pattern)
    if len(values) * len(tail) > _MOST:
        raise ValueError(f"{pattern!r} stands for more than {_MOST} hosts")
    return [head + value + rest for value in values for rest in tail]


def _values(first: str, last: str, step: int, pattern: str) -> list[str]:
    if len(first) + len(last) > 18:
        raise ValueError(f"{pattern!r} stands for more than {_MOST} hosts")
    if step < 1:
        raise ValueError(f"the step of {pattern!r} should be 1 or more")
    if last.isdigit() and (first.isdigit() or not first):
        first = first or "0"
        if first.startswith("0") and len(first) > 1 and len(first) != len(last):
            raise ValueError(f"both ends of {pattern!r} should have as many digits")
        width = len(first) if first.startswith("0") else 0
        if (int(last) - int(first)) // step >= _MOST:
            raise ValueError(f"{pattern!r} stands for more than {_MOST} hosts")
        values = [str(n).zfill(width) for n in range(int(first), int(last) + 1, step)]
    elif first.isalpha() and last.isalpha():
        letters = string.ascii_letters
        values = list(letters[letters.index(first) : letters.index(last) + 1 : step])
    else:
        raise ValueError(f"the range of {pattern!r} mixes letters and digits")
    if not values:
        raise ValueError(f"the range of {pattern!r} runs backwards")
    return values
