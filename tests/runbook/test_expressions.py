"""The language of a page calculates and compares, and does nothing else."""

import time
from dataclasses import dataclass

import pytest

from agent.errors import BadPage
from agent.runbook.expressions import check_syntax, evaluate, fill, fill_shell, names_in, pieces
from agent.secrets import Secret


@dataclass(frozen=True)
class Look:
    """What an action might learn."""

    lost: int = 5
    files: tuple[str, ...] = ("a", "b")

    def erase(self) -> None:
        """Do harm when called."""
        raise AssertionError("called")


NAMES = {
    "look": Look(),
    "found": {"keys": 7, "items": [1, 2], "inner": {"deep": True}},
    "x": 3,
    "text": "words",
    "big": 10**6,
    "nothing": None,
    "host": {"name": "redis1"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("look.lost > 3 and not x == 2", True),
        ("x * 2 + 1", 7),
        ("7 // 2 % 2", 1),
        ("look.files[0] ~ text", "awords"),
        ("look.files", ("a", "b")),
        ("found.keys", 7),
        ("found.items[1]", 2),
        ("found.inner.deep", True),
        ("'b' in look.files", True),
        ("text|upper|length", 5),
        ("'yes' if x > 5 else 'no'", "no"),
        ("nowhere is defined", False),
        ("nowhere|default(4)", 4),
        ("found.nowhere is defined and found.nowhere > 3", False),
        ("nothing", None),
        ("nothing is none", True),
        ("[x, {'a': x}]", [3, {"a": 3}]),
        ("2.345|round(1)", 2.3),
        ("'}}'", "}}"),
        ("found.items|sum", 3),
        ("5242880|filesizeformat", "5.2 MB"),
    ],
)
def test_an_expression_has_its_value_in_its_own_type(text, value):
    """Numbers stay numbers; a mapping's keys win over the methods it has."""
    assert evaluate(text, NAMES) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere", "'nowhere' is undefined"),
        ("found.nowhere", "has no attribute 'nowhere'"),
        ("[x, nowhere]", "'nowhere' is undefined"),
        ("x if false", "no else"),
        ("1 / 0", "division by zero"),
        ("text + 1", "has no value"),
        ("nothing > 1", "has no value"),
        ("1 +", "cannot be read"),
        ("", "cannot be read"),
        ("x }} {{ x", "one expression was expected"),
        ("x }} text", "one expression was expected"),
        ("text|uper", "unknown filter uper; there is: abs"),
        ("x is callable", "unknown test callable"),
        ("1" * 3000, "at most 2000 letters"),
        ("(" * 900 + "1" + ")" * 900, "cannot be read"),
    ],
)
def test_what_has_no_value_is_refused_and_named(text, said):
    """Nothing undefined slips through as empty."""
    with pytest.raises(BadPage) as error:
        evaluate(text, NAMES)
    assert said in str(error.value)


ESCAPES = """
''.__class__.__mro__[1].__subclasses__()
().__class__.__base__.__subclasses__()
look.__class__
look.__init__.__globals__
look.erase()
look.erase
look['__class__']
found['__class__'].__init__
text['__class__']
found.__class__
found.update(a=1)
found.items.append(1)
found|attr('__class__')
[look]|map(attribute='__class__')|list
[look]|map('attr', '__class__')|list
[look]|sum(attribute='__class__')
[look]|join(attribute='__class__')
[look]|sort(attribute='__class__.__name__')|first|string|length > 0 and look._x
'{0.__class__}'.format(look)
'{0.__class__}'|format(look)
'%s'|format(look)
self
self.__init__.__globals__
self._TemplateReference__context
lipsum.__globals__['os'].popen('id').read()
cycler.__init__.__globals__.os
joiner.__init__.__globals__
namespace.__init__.__globals__
range(9)
dict(a=1)
lookup('pipe', 'id')
request.application.__globals__
config.items()
get_flashed_messages.__globals__
__builtins__
_
x.__add__(1)
(lambda: 1)()
text.format_map(found)
text.encode()
x }}{% set y = 1 %}{{ y
x }}{% for i in [1] %}{{ i }}{% endfor %}{{ x
x }}{% import 'os' as os %}{{ x
"a".join(['1'])
found|xmlattr
found|tojson
found|items
found|pprint
""".strip().splitlines()


@pytest.mark.parametrize("text", ESCAPES)
def test_there_is_no_way_out(text):
    """Known escapes from template sandboxes, calls, private names and statements are all refused."""
    with pytest.raises(BadPage):
        evaluate(text, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9",
        "'a' * 9999999999",
        "text * 9999999999",
        "[x] * 9999999999",
        "'%0999999999d' % 1",
        "1|round(999999999, 'ceil')",
        "text|center(9999999999)",
        "text|indent(9999999999)",
        "[1]|batch(999999999)|list",
        "[1]|slice(999999999)|list",
        "range(999999999)|list",
        "'a'|replace('a', 'b' * 99)",
    ],
)
def test_memory_and_time_cannot_be_eaten(text):
    """What could grow without end is refused before it is calculated."""
    begun = time.process_time()
    with pytest.raises(BadPage):
        evaluate(text, NAMES)
    assert time.process_time() - begun < 5


def test_a_value_is_filled_in_wherever_a_text_stands():
    """One whole expression keeps its type; within other text it becomes text; keys stay."""
    assert fill(
        {
            "a": "{{ x }}",
            "b": " {{ x }}",
            "c": ["{{ look.files }}", 5],
            "d": "{{ x }}{{ x }}",
            "e": "{% x #}",
        },
        NAMES,
    ) == {"a": 3, "b": " 3", "c": [("a", "b"), 5], "d": "33", "e": "{% x #}"}
    assert fill("{{ x > 1 }} and {{ host.name }}", NAMES) == "true and redis1"


@pytest.mark.parametrize("text", ["{{ x", "{{ x }} {{", "a {{ nowhere }}", "a {{ nothing }}", "{{ }}"])
def test_a_text_that_cannot_be_filled_in_is_refused(text):
    """An empty hole in a command would be another command."""
    with pytest.raises(BadPage):
        fill(text, NAMES)


def test_a_secret_only_stands_alone():
    """Alone it stays the reference it is; within text it would be written out."""
    names = {"password": Secret("env", "X")}
    assert fill("{{ password }}", names) is names["password"]
    with pytest.raises(BadPage, match="would be written out"):
        fill("-a {{ password }}", names)


def test_values_are_quoted_in_a_command():
    """Whatever a value holds, it is one word of the command; the command's own signs stay."""
    names = {"path": "a b'; rm -rf /"}
    assert fill_shell("ls {{ path }} ${#x} {%y", names) == "ls 'a b'\"'\"'; rm -rf /' ${#x} {%y"


def test_names_and_pieces_are_listed():
    """What an expression uses is known without evaluating it."""
    assert names_in("look.lost > x and other is defined") == {"look", "x", "other"}
    assert pieces("a {{ x }} b {{ look.lost + 1 }}") == ("x", "look.lost + 1")
    check_syntax("x")
    with pytest.raises(BadPage):
        check_syntax("x +")
    with pytest.raises(BadPage):
        pieces("{{ x +")
