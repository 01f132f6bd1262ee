"""The small safe language of `when`, `until` and `{{ }}`: a part of Jinja2, in its sandbox."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agent.errors import BadPage
from agent.naming import did_you_mean
from agent.secrets import Secret

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_LONGEST = 2000
_BROKEN = (RecursionError, ValueError, MemoryError, SyntaxError, OverflowError)
# Everything a page may say: no call, no power, no assignment, no statement.
_NODES = """
Template Output TemplateData Const Name Getattr Getitem Slice And Or Not Compare Operand Add Sub Mul Div
FloorDiv Mod Neg Pos Concat CondExpr List Tuple Dict Pair Filter Test Keyword
"""
_FILTERS = """
abs count d default filesizeformat first float int join last length list lower max min round sort string sum
trim unique upper
"""
_TESTS = """
boolean defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable le lessthan
lower lt mapping ne none number odd sequence string true undefined upper
"""


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression such as `look.lost > 10 and not force`, in its own type.

    It may compare, calculate, pick attributes and items, and use a few filters (`|length`); it cannot call
    anything, alter anything, or reach a name that begins with an underscore.

    Raises:
        BadPage: it cannot be read, has no value, or uses a name or attribute that is not there.
    """
    from jinja2 import UndefinedError

    run = _compiled(text)
    try:
        value = run(dict(names))
        _hold(value)
    except UndefinedError as problem:
        raise BadPage(
            f"The expression {text!r} uses what is not there: {(problem.message or '').rstrip('.')}."
        ) from None
    # Whatever else goes wrong inside of an expression is the expression's: 1 / 0, 'a' + 1, none < 2.
    except Exception as problem:  # noqa: BLE001
        said = str(problem).rstrip(".") or type(problem).__name__
        raise BadPage(f"The expression {text!r} has no value: {said}.") from None
    return value


def fill(value: Any, names: Mapping[str, Any]) -> Any:
    """Return `value` with every `{{ expression }}` in its texts replaced, in lists and mappings too.

    A text that is one expression as a whole becomes that expression's own value; any other stays text. A
    secret can only stand alone: within other text it would be written out.

    Raises:
        BadPage: like `evaluate`.
    """
    if isinstance(value, str):
        parts = _parts(value)
        if len(parts) == 1 and parts[0][0]:
            return evaluate(parts[0][1], names)
        return _joined(parts, names, str)
    if isinstance(value, Mapping):
        return {key: fill(each, names) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(fill(each, names) for each in value)
    return value


def fill_shell(text: str, names: Mapping[str, Any], carried: Callable[[Secret], str] | None = None) -> str:
    """Return a shell command with every `{{ expression }}` replaced by its value as one quoted word.

    A secret becomes the variable under which `carried` has it reach the command.

    Raises:
        BadPage: like `evaluate`.
    """
    return _joined(_parts(text), names, shlex.quote, carried)


def pieces(text: str) -> tuple[str, ...]:
    """Return the expressions between `{{ }}` in a text, in order.

    Raises:
        BadPage: one of them is not closed.
    """
    return tuple(part for is_expression, part in _parts(text) if is_expression)


def check_syntax(text: str) -> None:
    """Read an expression without evaluating it; raises BadPage where that cannot be done."""
    _compiled(text)


def names_in(text: str) -> frozenset[str]:
    """Return the names that an expression takes from outside.

    Raises:
        BadPage: it cannot be read.
    """
    from jinja2 import meta

    return frozenset(meta.find_undeclared_variables(_tree(text)))


def of_other_hosts(text: str) -> frozenset[tuple[str, str]]:
    """Return what an expression takes of `hosts`: `hosts.redis1.look.lost` takes ("redis1", "look").

    Raises:
        BadPage: it cannot be read.
    """
    from jinja2 import nodes

    def key(node: nodes.Expr) -> str:
        if isinstance(node, nodes.Getattr):
            return node.attr
        found = node.arg if isinstance(node, nodes.Getitem) else None
        return str(found.value) if isinstance(found, nodes.Const) else ""

    tree = _tree(text)
    taken = set()
    for node in (*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)):
        if isinstance(node, nodes.Getattr | nodes.Getitem):
            inner = node.node
            if isinstance(inner, nodes.Getattr | nodes.Getitem):
                root = inner.node
                if isinstance(root, nodes.Name) and root.name == "hosts":
                    taken.add((key(inner), key(node)))
    return frozenset(taken)


def _joined(
    parts: tuple[tuple[bool, str], ...],
    names: Mapping[str, Any],
    write: Callable[[str], str],
    carried: Callable[[Secret], str] | None = None,
) -> str:
    done = []
    for is_expression, part in parts:
        if not is_expression:
            done.append(part)
            continue
        value = evaluate(part, names)
        if isinstance(value, Secret):
            if carried:
                done.append(f'"${carried(value)}"')
                continue
            raise BadPage(
                f"The expression {part!r} is a secret, and inside of other text it would be written out."
            )
        if value is None:
            raise BadPage(f"The expression {part!r} is none, and text was to be made of it.")
        done.append(write(str(value).lower() if isinstance(value, bool) else str(value)))
    return "".join(done)


def _parts(text: str) -> tuple[tuple[bool, str], ...]:
    """Return a text cut into (is an expression, piece)."""
    return _cut(text) if "{{" in text else ((False, text),)


@functools.lru_cache(maxsize=2000)
def _cut(text: str) -> tuple[tuple[bool, str], ...]:
    from jinja2 import TemplateSyntaxError

    parts: list[tuple[bool, str]] = []
    inside: list[str] | None = None
    try:
        for _, kind, value in _environment().lex(text):
            if kind == "variable_begin":
                inside = []
            elif kind == "variable_end":
                parts.append((True, "".join(inside or []).strip()))
                inside = None
            elif inside is not None:
                inside.append(value)
            elif value:
                parts.append((False, value))
    except TemplateSyntaxError as problem:
        raise BadPage(f"The text {text!r} cannot be filled in: {problem.message}.") from None
    if inside is not None:
        raise BadPage(f"The text {text!r} has a {{{{ that is not closed.")
    return tuple(parts)


@functools.lru_cache(maxsize=2000)
def _compiled(text: str) -> Callable[..., Any]:
    # Looked at first: making code already calculates what is constant, such as 9 ** 9 ** 9.
    _tree(text)
    try:
        return _environment().compile_expression(text, undefined_to_none=False)
    except _BROKEN as problem:
        raise BadPage(f"The expression {text!r} cannot be read: {type(problem).__name__}.") from None


def _tree(text: str) -> nodes.Template:
    from jinja2 import TemplateSyntaxError

    if len(text) > _LONGEST:
        raise BadPage(f"Expected an expression of at most {_LONGEST} letters, found {len(text)}.")
    try:
        tree = _environment().parse(f"{{{{ {text} }}}}")
    except TemplateSyntaxError as problem:
        said = (problem.message or "").replace("'end of print statement'", "end of it").rstrip(".")
        raise BadPage(f"The expression {text!r} cannot be read: {said}.") from None
    except _BROKEN as problem:
        raise BadPage(f"The expression {text!r} cannot be read: {type(problem).__name__}.") from None
    _keep_small(tree, text)
    return tree


def _keep_small(tree: nodes.Template, text: str) -> None:
    from jinja2 import nodes

    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output) or len(tree.body[0].nodes) != 1:
        raise BadPage(f"The expression {text!r} cannot be read: one expression was expected.")
    for node in tree.find_all(nodes.Node):
        kind = type(node).__name__
        if kind not in _NODES.split():
            raise BadPage(f"The expression {text!r} holds a {kind.lower()}, which is not allowed in a page.")
        name = getattr(node, "attr", "") or (node.name if isinstance(node, nodes.Name) else "")
        if name.startswith("_") or name == "self":
            raise BadPage(f"The expression {text!r} reaches for {name}, which is kept shut.")
        if isinstance(node, nodes.Filter):
            _known(node, "filter", _FILTERS.split(), text)
            # Its other ways of rounding raise 10 to a power that the page chooses.
            if node.name == "round" and (len(node.args) > 1 or node.kwargs):
                raise BadPage(f"The expression {text!r} may give round one number, how many digits to keep.")
        if isinstance(node, nodes.Test):
            _known(node, "test", _TESTS.split(), text)


def _known(node: nodes.Filter | nodes.Test, what: str, names: list[str], text: str) -> None:
    if node.name not in names:
        hint = did_you_mean(node.name, names)
        listed = ", ".join(sorted(names))
        raise BadPage(
            f"The expression {text!r} uses the unknown {what} {node.name}; there is: {listed}.{hint}"
        )


def _hold(value: Any) -> None:
    """Refuse a value that is, or holds, something that is not there."""
    from jinja2 import Undefined

    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    if callable(value):
        raise TypeError("it is something to call, and nothing can be called here")
    if isinstance(value, list | tuple):
        for each in value:
            _hold(each)
    elif isinstance(value, dict):
        for each in value.values():
            _hold(each)


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Small(ImmutableSandboxedEnvironment):
        """The sandbox, where `*` and `%` are for numbers: on text they could fill the memory."""

        intercepted_binops = frozenset("*%")

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if not isinstance(left, int | float) or not isinstance(right, int | float):
                raise TypeError(f"{operator} is for numbers")
            return super().call_binop(context, operator, left, right)

        def getattr(self, obj: Any, attribute: str) -> Any:
            # What an action learned is a mapping: `look.keys` is what it says under keys, not a method.
            if isinstance(obj, Mapping):
                return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
            return super().getattr(obj, attribute)

    # Only {{ }} means something: {% and {# are common in commands, as in ${#list[@]}.
    environment = Small(
        undefined=StrictUndefined,
        autoescape=False,
        block_start_string="\0{%",
        comment_start_string="\0{#",
        keep_trailing_newline=True,
    )
    environment.globals.clear()
    return environment
