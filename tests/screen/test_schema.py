"""What --json writes is what the schema says."""

import dataclasses
import json
from typing import get_args

import msgspec
import pytest

from agent.cli import main
from agent.runbook.events import Event, UnlockEvent
from agent.screen.schema import SHIPPED, events_schema, schema_text

KINDS = {kind.event: kind for kind in (*get_args(Event), UnlockEvent)}


def test_the_shipped_schema_is_the_events(capsys):
    """`drillyard runbooks schema events > agent/screen/events.schema.json` writes it anew."""
    assert SHIPPED.read_text() == schema_text()
    assert main(["runbooks", "schema", "events"]) == 0
    assert capsys.readouterr().out == schema_text()
    assert main(["runbooks", "schema", "event"]) == 64


def test_every_kind_is_told_apart_and_explained():
    """Each has its own word under `event`, every field, and a sentence."""
    schema = events_schema()
    assert len(schema["oneOf"]) == len(KINDS) == 7
    for word, kind in KINDS.items():
        part = schema["$defs"][kind.__name__]
        assert part["properties"]["event"]["enum"] == [word]
        assert set(part["required"]) == {each.name for each in dataclasses.fields(kind)}
        assert part["description"]


@pytest.mark.parametrize("verbose", [[], ["--verbose"]])
def test_a_real_run_keeps_to_it(tmp_path, capsys, verbose):
    """Every line of a run is of a kind there is, with that kind's fields and types, and no others."""
    (tmp_path / "hosts.yml").write_text(
        f"all: {{hosts: {{one: {{ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}}}}}\n"
    )
    (tmp_path / "page.yml").write_text(
        "title: T\nobjectives: {rto: 1m}\nsteps:\n"
        "  - {id: a, sh: 'echo a', changes: x, budget: 9s}\n  - {id: b, sh: exit 3, changes: x}\n"
    )
    words = ["run", f"{tmp_path}/page.yml", "-i", f"{tmp_path}/hosts.yml", "--runs", f"{tmp_path}/runs"]
    assert main([*words, "--json", *verbose]) == 10
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in lines:
        kind = KINDS[line["event"]]
        assert set(line) == {each.name for each in dataclasses.fields(kind)}
        msgspec.convert(line, kind)
    told = {line["event"] for line in lines}
    assert told - {"rto"} == {"run", "step", "end"} | ({"ask"} if verbose else set())
