"""Whatever a file holds, reading it ends with an inventory, a page, or one of our two errors."""

import json
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import BadInventory, BadPage
from agent.inventory import Host, Inventory, read_inventory
from agent.runbook.check import check_page
from agent.runbook.load import load_page

QUIET = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)

SPOKEN = """
all hosts children vars serves redis supervisor unit systemd password ansible_port ansible_host web[1:3]
ansible_connection ansible_ssh_common_args ansible_become title steps prove params do sh block rescue with
when on register budget retry times every until undo include redis.cut objectives rto type default name en ko
id serial confirm tags look 5m 1+ {{ look }} [ ~ << $at !env
"""
WORDS = st.sampled_from([*SPOKEN.split(), "{{ x.y }}", "{{ x", "", "a b"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS | st.dates()
WORLD = Inventory({"one": Host("one")}, {"all": ("one",)})
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)
STEP = st.dictionaries(WORDS, DATA, max_size=4)
PAGE = st.fixed_dictionaries(
    {
        "title": st.just("t"),
        "steps": st.lists(STEP | st.fixed_dictionaries({"sh": DATA}), min_size=1, max_size=3),
    }
)
GROUP = st.recursive(
    st.none(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "hosts": st.dictionaries(WORDS, st.none() | st.dictionaries(WORDS, DATA, max_size=3), max_size=3),
            "children": st.dictionaries(WORDS, inner, max_size=3),
            "vars": st.dictionaries(WORDS, DATA, max_size=3),
        },
    ),
    max_leaves=6,
)
NAMES = st.lists(WORDS, max_size=3) | DATA
LISTED = st.fixed_dictionaries(
    {}, optional={"hosts": NAMES, "children": NAMES, "vars": st.dictionaries(WORDS, DATA, max_size=2) | DATA}
)
LISTING = st.dictionaries(WORDS, LISTED | NAMES, max_size=3).flatmap(
    lambda groups: st.dictionaries(WORDS, DATA, max_size=2).map(
        lambda known: {**groups, "_meta": {"hostvars": known}}
    )
)
PUNCTUATION = st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"%@#,?~< \n\t=0<")), max_size=60)
SOUND = DATA | PAGE | st.dictionaries(WORDS, GROUP, max_size=3) | LISTING


def complaint(read, error, path: Path) -> str:
    """Return what reading a file complains of, or its name where it is sound."""
    try:
        read(path)
    except error as problem:
        return str(problem)
    return path.name


def proved(path: Path) -> None:
    """Read a page, and prove it against an inventory."""
    for problem in check_page(load_page(path), WORLD):
        assert str(problem).startswith(str(path)), problem


def both(path: Path, content: bytes) -> None:
    """Read bytes as an inventory in each layout and as a page, which is then proved against a sound one."""
    ini = path.with_suffix(".ini")
    path.write_bytes(content)
    ini.write_bytes(content)
    assert path.name in complaint(read_inventory, BadInventory, path)
    assert path.name in complaint(proved, BadPage, path)
    listing = path.with_suffix(".json")
    listing.write_bytes(content)
    assert listing.name in complaint(read_inventory, BadInventory, listing)
    assert ini.name in complaint(read_inventory, BadInventory, ini)


@QUIET
@given(content=st.binary(max_size=200))
def test_any_bytes(tmp_path, content):
    """Bytes that are no text, no YAML, nothing."""
    both(tmp_path / "f.yml", content)


@QUIET
@given(text=PUNCTUATION)
def test_any_punctuation(tmp_path, text):
    """Texts of the signs that mean something in YAML."""
    both(tmp_path / "f.yml", text.encode())


@QUIET
@given(data=SOUND)
def test_any_data(tmp_path, data):
    """Sound YAML of any shape, near to a page and an inventory too."""
    both(tmp_path / "f.yml", yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "replace"))
    both(tmp_path / "f.yml", json.dumps(data, default=str).encode("utf-8", "replace"))
