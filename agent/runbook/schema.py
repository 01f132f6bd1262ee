"""The JSON Schema of a page, made from its model, for editors that complete and check while one types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from agent.naming import HERE
from agent.runbook.model import KINDS, Page, Seconds

SHIPPED: Path = HERE / "runbook" / "page.schema.json"
_DURATION = {
    "description": "A length of time: 90s, 5 min, 1h30m, or a number of seconds.",
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^\\s*[0-9]"}],
}
# What an editor shows beside a key.
_HELP = {
    "title": "What the page does, in a few words; in English and Korean as {en: ..., ko: ...}.",
    "system": "What the page is about: redis, ... Its steps run on the hosts that serve it.",
    "on": "Which hosts: a group, a host, redis:!redis3, web*, ~regex, redis[0].",
    "covers": "The symptoms, or numbers of the playbook, that the page answers.",
    "objectives": "What the page promises: rto, rpo, and the budget of its steps.",
    "why": "Why it goes about it this way.",
    "params": "What the operator may set with --set NAME=VALUE.",
    "steps": "What is done, in order.",
    "prove": "Steps that must hold in the end.",
    "after": "A checklist for people, when the run is over; items with `check` tick themselves.",
    "check": "A step that only looks, and tells whether the item holds: do or sh, with, retry, ...",
    "id": "A name of small letters and dashes, unique in the page.",
    "name": "What the step does, in a few words.",
    "do": "An action: system.action, such as redis.status or service.stop.",
    "sh": "A command: text for sh, or a list of words.",
    "block": "Steps that belong together.",
    "rescue": "What is done where a step of the block fails.",
    "always": "What is done after the block, failed or not.",
    "include": "Another page, whose steps are done here.",
    "with": "The action's arguments, or the included page's parameters.",
    "when": "An expression: the step is skipped where it is false.",
    "register": "The name under which later expressions see what the step learned.",
    "budget": "How long it should take; the run says so when it takes longer.",
    "timeout": "How long it may take: then it is ended on the host.",
    "retry": "Try again: times, every, until.",
    "until": "An expression over `result` that must be true.",
    "serial": "How many hosts at a time: a count, or a share such as 30%.",
    "any_errors_fatal": "True: a failure on one host ends the run on all, where no rescue helps.",
    "confirm": "What a person is asked before the step.",
    "confirm_within": "How long an answer is waited for: then the run stops, as where nobody is there.",
    "undo": "The step that takes this one back when a later one fails.",
    "tags": "Words to choose steps by.",
    "changes": "What the command alters, in words.",
    "reads": "True where the command only looks.",
    "sudo": "True to run the command as root, or a user's name.",
    "ok": "The exit codes that do not mean failure.",
    "default": "The value where the operator sets none; without one it must be set.",
}


def page_schema() -> dict[str, Any]:
    """Return the schema, in the dialect of 2020-12."""
    (_, parts) = msgspec.json.schema_components([Page], schema_hook=_hook, ref_template="#/$defs/{name}")
    for part in parts.values():
        _for_people(part)
    step = parts["Step"]
    step["oneOf"] = [{"required": [kind]} for kind in KINDS]
    page = parts.pop("Page")
    page["properties"]["steps"]["minItems"] = 1
    page["description"] = "What to do on one bad night, step by step."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Drillyard runbook page",
        **{key: value for key, value in page.items() if key != "title"},
        "$defs": parts,
    }


def schema_text() -> str:
    """Return the schema as it is shipped and as `drillyard runbooks schema` prints it."""
    return json.dumps(page_schema(), indent=2, ensure_ascii=False) + "\n"


def _hook(kind: type) -> dict[str, Any]:
    if kind is Seconds:
        return _DURATION
    raise NotImplementedError(kind)


def _for_people(part: dict[str, Any]) -> None:
    """Take away what the loader adds and nobody may write, and say what each key is for."""
    properties = part.get("properties", {})
    for name in [name for name in properties if name.startswith("$")]:
        del properties[name]
    for name, each in properties.items():
        if name in _HELP:
            each["description"] = _HELP[name]
    part["description"] = part.get("description", "").split("\n")[0]
