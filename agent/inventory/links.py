"""`{{ vault_redis_password }}`: a value that only names a variable that is a secret is that secret."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from agent.inventory.draft import Layer
from agent.inventory.precedence import merged
from agent.secrets import Secret

_NAME = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


def linked(layers: list[Layer]) -> list[Layer]:
    """Return a host's layers with such values replaced; any other template stays the text it is.

    So the usual pair of a plain file and a vaulted one is read without a template engine.
    """
    secrets = {name: value.data for name, value in merged(layers).items() if isinstance(value.data, Secret)}
    if not secrets:
        return layers
    return [
        {name: replace(value, data=_linked(value.data, secrets)) for name, value in each.items()}
        for each in layers
    ]


def _linked(data: Any, secrets: dict[str, Secret]) -> Any:
    if isinstance(data, dict):
        return {key: _linked(value, secrets) for key, value in data.items()}
    if isinstance(data, list):
        return [_linked(value, secrets) for value in data]
    if isinstance(data, str) and (found := _NAME.fullmatch(data.strip())):
        return secrets.get(found[1], data)
    return data
