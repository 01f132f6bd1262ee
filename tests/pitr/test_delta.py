"""An update applied to a document's bytes gives what the server has; no path makes it fail."""

from random import Random
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pitr.delta import Branch
from agent.pitr.fold import ALTER, PUT, REMOVE, fold
from tests.pitr.updates import some_document, some_update, updated

Doc = dict[str, Any]


def applied(doc: Doc, description: Doc) -> Doc:
    """Return a document after an update, by way of its bytes."""
    branch = Branch(bson.encode(doc))
    branch.apply(bson.encode(description))
    return bson.decode(branch.raw())


@pytest.mark.parametrize(
    ("before", "description", "after"),
    [
        ({"a": 1}, {"updatedFields": {"a": 2}}, {"a": 2}),
        ({"a": 1, "b": 2}, {"updatedFields": {"a": "x"}}, {"a": "x", "b": 2}),
        ({"a": {"b": [1, {"c": 2}]}}, {"updatedFields": {"a.b.1.c": 3}}, {"a": {"b": [1, {"c": 3}]}}),
        ({"a": [1]}, {"updatedFields": {"a.3": 4}}, {"a": [1, None, None, 4]}),
        ({"a": {}}, {"updatedFields": {"a.0": 1}}, {"a": {"0": 1}}),
        ({"a": [1, 2, 3]}, {"truncatedArrays": [{"field": "a", "newSize": 1}]}, {"a": [1]}),
        ({"a": 1, "b": 2}, {"removedFields": ["a"]}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"removedFields": ["a.b"]}, {"a": {"c": 2}}),
        (
            {"a.b": 1, "a": {"b": 2}},
            {"updatedFields": {"a.b": 3}, "disambiguatedPaths": {"a.b": ["a.b"]}},
            {"a.b": 3, "a": {"b": 2}},
        ),
        (
            {"a": {"0": 1}},
            {"updatedFields": {"a.0": 3}, "disambiguatedPaths": {"a.0": ["a", "0"]}},
            {"a": {"0": 3}},
        ),
        (
            {"a": [{"b": 1}]},
            {"updatedFields": {"a.0.b": 3}, "disambiguatedPaths": {"a.0.b": ["a", 0, "b"]}},
            {"a": [{"b": 3}]},
        ),
    ],
)
def test_an_update_does_what_it_says(before, description, after):
    """Assignments, removals, cuts, padding, and paths that could be read in two ways."""
    assert applied(before, description) == after


def test_what_is_not_touched_keeps_its_bytes():
    """Every type of BSON stands before and behind an altered field as it was, number types included."""
    odd = {
        "oid": ObjectId(), "i64": Int64(1), "f": 1.0, "d": Decimal128("1.10"), "re": Regex("a", "i"),
        "ts": Timestamp(1, 2), "min": MinKey(), "max": MaxKey(), "bin": bson.Binary(b"x", 5), "n": None,
        "code": bson.Code("f", {"q": 1}), "t": True, "u": "한국어", "arr": [Int64(2), {"q": 1.5}],
    }  # fmt: skip
    before = bson.encode({**odd, "x": 1, "deep": {**odd, "x": 1}, **{f"{name}2": odd[name] for name in odd}})
    branch = Branch(before)
    branch.apply(bson.encode({"updatedFields": {"x": 2, "deep.x": 2}}))
    assert branch.raw() == before.replace(b"\x10x\0\1", b"\x10x\0\2")


def test_replay_over_any_copy_ends_alike():
    """A copy taken within the window, with all of the window replayed over it, is the last state."""
    for seed in range(3000):
        r = Random(seed)
        doc = some_document(r)
        states, events = [doc], []
        for _ in range(r.randrange(1, 15)):
            events.append(some_update(doc, r))
            doc = updated(doc, events[-1])
            states.append(doc)
        start = r.randrange(len(events) + 1)
        copied = r.randrange(start, len(events) + 1)
        log = [(ALTER, bson.encode(each)) for each in events[start:]]
        again = fold(bson.encode(states[copied]), log)
        assert again is not None
        assert bson.decode(again) == doc, f"seed {seed}"


NAMES = st.sampled_from(["a", "b", "0", "1", "", "_id", "9" * 5000, "999999999", "1500002", "$x"])
VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(NAMES, inside, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)
DESCRIPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "updatedFields": st.dictionaries(PATHS, VALUES, max_size=3),
        "removedFields": st.lists(PATHS, max_size=3),
        "truncatedArrays": st.lists(
            st.fixed_dictionaries({"field": PATHS, "newSize": st.integers(0, 5)}), max_size=2
        ),
    },
)


@settings(max_examples=300, deadline=None, database=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4), DESCRIPTIONS)
def test_no_path_is_too_odd(doc, description):
    """Whatever the path leads through: the outcome is a document, and no step raises."""
    assert isinstance(applied(doc, description), dict)


def test_what_goes_before_a_whole_document_does_not_matter():
    """A delete ends it, an insert or replace is all there is, updates of nothing do nothing."""
    one, two = bson.encode({"_id": 1, "v": 1}), bson.encode({"_id": 1, "v": 2})
    up = (ALTER, bson.encode({"updatedFields": {"v": 3}}))
    assert fold(one, [(REMOVE, b"")]) is None
    assert fold(None, [up]) is None
    assert fold(one, [up, (REMOVE, b""), (PUT, two)]) == two
    assert bson.decode(fold(None, [(PUT, two), up]) or b"") == {"_id": 1, "v": 3}
    assert fold(one, [(REMOVE, b""), up]) is None
