"""A page's model holds what a page may say, and nothing that contradicts itself."""

import json

import msgspec
import pytest

from agent.runbook.model import Page, Seconds, Step, decode
from agent.runbook.schema import SHIPPED, page_schema, schema_text


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("90s", 90, "1m30s"),
        ("5 min", 300, "5m"),
        ("1h30m", 5400, "1h30m"),
        ("1 hour 30 minutes", 5400, "1h30m"),
        ("2 days", 172800, "2d"),
        ("0.5s", 0.5, "0.5s"),
        ("30", 30, "30s"),
        (45, 45, "45s"),
        (1.5, 1.5, "1.5s"),
        (0, 0, "0s"),
    ],
)
def test_a_length_of_time_is_written_as_people_do(text, seconds, shown):
    """It is a number of seconds everywhere else."""
    assert Seconds.of(text) == seconds
    assert str(Seconds.of(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "soon", "5 parsecs", "-1s", -1, True, None, "1m nonsense", "m", "9" * 99]
)
def test_what_is_no_length_of_time_is_refused(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="Expected a length of time"):
        Seconds.of(text)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({}, "exactly one of do, sh, block and include in a step, got none of them"),
        ({"do": "a.b", "sh": "x"}, "got do and sh"),
        ({"do": "a.b", "rescue": [{"sh": "x"}]}, "`rescue` belongs to a step with `block`"),
        ({"do": "a.b", "reads": True}, "`reads` belongs to a step with `sh`"),
        ({"sh": "x", "reads": True, "changes": "y"}, "alters nothing"),
        ({"sh": "x", "with": {"a": 1}}, "`with` belongs to a step with `do` or `include`"),
        ({"sh": "x", "id": "A b"}, "Expected an id of small letters"),
        ({"sh": "x", "register": "a-b"}, "Expected `register` to be a plain name"),
        ({"sh": "x", "register": "host"}, "a name that has its own meaning"),
        ({"sh": "x", "serial": "half"}, "Expected `serial` to be a count or a share"),
        ({"sh": "x", "serial": "0%"}, "Expected `serial`"),
        ({"sh": "x", "serial": True}, "Expected"),
        ({"sh": "x", "retry": {"times": 0}}, "Expected times between 1"),
    ],
)
def test_a_step_that_contradicts_itself_is_refused(step, said):
    """Each rule of a step is held by the model itself."""
    with pytest.raises(msgspec.ValidationError) as error:
        decode(step, Step)
    assert said in str(error.value)


def test_a_shell_step_alters_unless_it_says_otherwise():
    """A command that nobody vouches for is taken to change something."""
    assert decode({"sh": "x"}, Step).alters == "runs a command"
    assert decode({"sh": "x", "changes": "writes y"}, Step).alters == "writes y"
    assert decode({"sh": "x", "reads": True}, Step).alters == ""


def test_every_step_is_met_in_the_order_it_is_written():
    """Blocks, rescues, what is always done, and undo belong to it."""
    page = decode(
        {
            "title": "t",
            "steps": [
                {"id": "a", "sh": "x", "undo": {"id": "a-undo", "sh": "x"}},
                {
                    "id": "b",
                    "block": [{"id": "b1", "sh": "x"}],
                    "rescue": [{"id": "b2", "sh": "x"}],
                    "always": [{"id": "b3", "sh": "x"}],
                },
            ],
            "prove": [{"id": "c", "sh": "x"}],
        },
        Page,
    )
    assert [step.id for step in page.every_step()] == ["a", "a-undo", "b", "b1", "b2", "b3", "c"]


def test_the_shipped_schema_is_the_models():
    """Editors are told what the loader accepts; `drillyard runbooks schema` writes it anew."""
    assert SHIPPED.read_text() == schema_text()


def test_the_schema_hides_what_nobody_writes():
    """The loader's own fields are no keys of a page, and every key has its explanation."""
    schema = page_schema()
    assert "$at" not in json.dumps(schema)
    assert schema["required"] == ["title", "steps"]
    assert all("description" in each for each in schema["$defs"]["Step"]["properties"].values())
