"""One value of a secret set to another, the version of before labelled so that it is found again."""

from __future__ import annotations

import json
from typing import Any, Protocol

from agent.errors import NotFound, Refused, StepFailed
from agent.providers.aws.told import Held, Switched
from agent.secrets import never_show

BEFORE = "drillyard-before"
"""The label of the version with the value of before: AWS keeps what has one, and moves only its own."""
CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
_SECRET = 8


class Vault(Protocol):
    """What is needed of a secret."""

    @property
    def name(self) -> str:
        """Its name."""

    def labels(self) -> dict[str, str]:
        """Return the version under each label."""

    def read(self, version: str) -> str:
        """Return the text of a version."""

    def write(self, text: str) -> str:
        """Write a new version, which becomes the current one, and return it."""

    def label(self, label: str, version: str, away_from: str = "") -> None:
        """Put a label on a version, and take it off another."""


def look(vault: Vault, name: str, value: str) -> Held:
    """Return what the secret holds, and whether `name` there is `value`."""
    labels = vault.labels()
    current = _current(vault, labels)
    return Held(vault.name, current, labels.get(BEFORE, ""), _value(vault, current, name) == value)


def switch(vault: Vault, name: str, value: str) -> Switched:
    """Set `name` to `value`; the version of before gets the label first, so that a kill loses nothing.

    Raises:
        Refused: somebody else changed the secret in the same moment; theirs is the version that is named.
    """
    labels = vault.labels()
    current = _current(vault, labels)
    text = vault.read(current)
    if _in(vault, text, name) == value:
        return Switched(vault.name, name, False, labels.get(BEFORE, ""))
    if labels.get(BEFORE) != current:
        vault.label(BEFORE, current, labels.get(BEFORE, ""))
    labels = _write(vault, _with(vault, text, name, value), current)
    if labels.get(BEFORE) != current:
        vault.label(BEFORE, current, labels.get(BEFORE, ""))
    return Switched(vault.name, name, True, current)


def back(vault: Vault, name: str) -> Switched:
    """Set `name` to what the labelled version says, and leave the rest as it is.

    Raises:
        NotFound: no version has the label.
    """
    labels = vault.labels()
    current, kept = _current(vault, labels), labels.get(BEFORE, "")
    if not kept:
        raise NotFound(
            f"No version of the AWS secret {vault.name} has the label {BEFORE}.",
            do="It was never switched by Drillyard, or somebody took the label off.",
        )
    before, text = vault.read(kept), vault.read(current)
    if kept == current or _in(vault, before, name) == _in(vault, text, name):
        return Switched(vault.name, name, False, kept)
    # Not the label of the current version moved back: what others wrote since shall stay.
    _write(vault, _with(vault, text, name, _in(vault, before, name)), current)
    return Switched(vault.name, name, True, kept)


def _write(vault: Vault, text: str, current: str) -> dict[str, str]:
    """Write a new version in place of `current` and return the labels as they are then."""
    written = vault.write(text)
    labels = vault.labels()
    if labels.get(CURRENT) == written and labels.get(PREVIOUS) not in (current, None):
        raise Refused(
            f"Somebody else changed the AWS secret {vault.name} in the same moment: their version "
            f"{labels[PREVIOUS]} was replaced by ours.",
            do="Hold the two against each other, and set what was lost.",
        )
    return labels


def _current(vault: Vault, labels: dict[str, str]) -> str:
    if CURRENT not in labels:
        raise NotFound(f"The AWS secret {vault.name} has no value yet.", do="Give it one first.")
    return labels[CURRENT]


def _value(vault: Vault, version: str, name: str) -> Any:
    return _in(vault, vault.read(version), name)


def _in(vault: Vault, text: str, name: str) -> Any:
    """Return what `name` is in a secret's text; None where there is no such name."""
    return _object(vault, text).get(name) if name else text


def _with(vault: Vault, text: str, name: str, value: Any) -> str:
    if not name:
        return str(value)
    values = _object(vault, text)
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value
    return json.dumps(values, ensure_ascii=False)


def _object(vault: Vault, text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise StepFailed(
            f"Expected a JSON object in the AWS secret {vault.name}, found something else.",
            do="Where the secret as a whole is the address, say `name: ''`.",
        )
    for each in values.values():
        # A short one is a port or a user's name, which would be masked in every sentence.
        if isinstance(each, str) and len(each) >= _SECRET:
            never_show(each)
    return values
