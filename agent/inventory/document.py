"""A YAML file as plain data, and the line on which each piece of it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.errors import BadInventory, DrillyardError
from agent.inventory.model import Where

Place = tuple[str | int, ...]
Tag = Callable[[str, Where], object]

# The C parser is 10 times faster; PyYAML does without it where libyaml is missing.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_VALUES = 200_000
_DEEPEST = 60
_SAFE = yaml.SafeLoader("")


@dataclass(frozen=True)
class Document:
    """The data of a file, and for every place in it (`("steps", 2, "name")`) its line."""

    data: Any
    file: str
    lines: Mapping[Place, int] = field(default_factory=dict)

    def at(self, *place: str | int) -> Where:
        """Return where a place is written, or the nearest place around it that is."""
        for end in range(len(place), -1, -1):
            line = self.lines.get(place[:end])
            if line:
                return Where(self.file, line)
        return Where(self.file, 1)


def read_document(
    path: Path, error: type[DrillyardError] = BadInventory, tags: Mapping[str, Tag] | None = None
) -> Document:
    """Return a YAML (or JSON) file as plain data; an empty file is None.

    Mappings have text keys, and none of them twice. Only what JSON knows is built; numbers with colons,
    dates and times stay the text they are. `tags` read the user's own `!tag text`; any other is refused.

    Raises:
        error: the file cannot be read or is not sound YAML; the sentence names file and line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise error(f"{path}: expected a file, and it cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: expected text in UTF-8, found another byte at {problem.start}.") from None
    return parse(text, str(path), error, tags)


def parse(
    text: str,
    file: str,
    error: type[DrillyardError] = BadInventory,
    tags: Mapping[str, Tag] | None = None,
) -> Document:
    """Return YAML text as plain data; see `read_document`."""
    deepest = _nesting(text)
    if deepest > _DEEPEST:
        raise error(f"{file}: expected at most {_DEEPEST} levels, found {deepest} and more.")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as problem:
        raise error(_unsound(problem, file, text)) from None
    except (yaml.YAMLError, ValueError) as problem:
        said = str(problem).splitlines()[0] if str(problem) else "it cannot be read"
        raise error(f"{file}: this is not sound YAML: {said}.") from None
    build = _Build(file, error, tags or {})
    data = build.value(root, ()) if root is not None else None
    return Document(data, file, build.lines)


def _unsound(problem: yaml.MarkedYAMLError, file: str, text: str) -> str:
    mark = problem.problem_mark or problem.context_mark
    # At the end of a file the parser names a line that is not there any more.
    line = min(mark.line + 1, text.rstrip().count("\n") + 1) if mark else 1
    said = problem.problem or problem.context or "it cannot be read"
    begun = problem.context_mark.line + 1 if problem.context_mark else line
    since = f", in what begins in line {begun}" if begun != line else ""
    return f"{Where(file, line)}: this is not sound YAML: {said}{since}."


def _nesting(text: str) -> int:
    """Return how deep flow collections and indentation go at most, without building anything.

    The composer recurses in C, where running out of stack ends the process instead of raising.
    """
    deepest = 0
    for event in _events(text):
        if event > deepest:
            deepest = event
        if deepest > _DEEPEST:
            break
    return deepest


def _events(text: str) -> Iterator[int]:
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                yield depth
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except (yaml.YAMLError, ValueError):
        # The same fault is met again by whoever composes the text, and told there.
        return


class _Build:
    """Plain data out of one file's nodes."""

    def __init__(self, file: str, error: type[DrillyardError], tags: Mapping[str, Tag]) -> None:
        self.file = file
        self.error = error
        self.tags = tags
        self.lines: dict[Place, int] = {}
        self._values = 0
        self._open: set[int] = set()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.lines.setdefault(place, node.start_mark.line + 1)
        self._values += 1
        # Aliases can nest deeper than the text does.
        if len(place) > _DEEPEST:
            raise self._bad(node, f"expected at most {_DEEPEST} levels, found more")
        if self._values > _MOST_VALUES:
            raise self._bad(node, f"expected at most {_MOST_VALUES} values, found more")
        if not node.tag.startswith("tag:yaml.org,2002:"):
            return self._tagged(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            raise self._bad(node, "an alias stands inside of what it stands for")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, place)
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, place)
        finally:
            self._open.discard(id(node))
        raise self._bad(node, "found something that is neither text, list nor mapping")

    def _tagged(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode) and node.tag in self.tags:
            return self.tags[node.tag](node.value.strip(), self._where(node))
        raise self._bad(node, f"the tag {node.tag} is not known here" + self._known_tags())

    def _known_tags(self) -> str:
        return f"; known are {', '.join(self.tags)}" if self.tags else ""

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind in ("str", "timestamp", "value", "merge"):
            return node.value
        if kind == "null":
            return None
        # YAML 1.1 reads 22:30 as 1350; a port map or a time of day is meant by everybody who writes it.
        if kind in ("int", "float") and ":" in node.value:
            return node.value
        try:
            if kind == "bool":
                return _SAFE.construct_yaml_bool(node)
            if kind == "int":
                return _SAFE.construct_yaml_int(node)
            if kind == "float":
                return _SAFE.construct_yaml_float(node)
        except (ValueError, KeyError, IndexError):
            raise self._bad(node, f"{node.value[:40]!r} is not a {kind}") from None
        raise self._bad(node, f"the tag !!{kind} is not known here")

    def _sequence(self, node: yaml.SequenceNode, place: Place) -> list[Any]:
        self._plain(node, "seq")
        return [self.value(item, (*place, n)) for n, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        self._plain(node, "map")
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged = self._merge(value_node, place) | merged
                continue
            key = self._key(key_node)
            if key in own:
                first = self.lines.get((*place, key), 0)
                raise self._bad(key_node, f"{key} stands here a second time, first in line {first}")
            self.lines[*place, key] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, (*place, key))
        return merged | own

    def _merge(self, node: yaml.Node, place: Place) -> dict[str, Any]:
        found = self.value(node, (*place, "<<"))
        several = found if isinstance(found, list) else [found]
        merged: dict[str, Any] = {}
        for one in several:
            if not isinstance(one, dict):
                raise self._bad(node, "`<<` expects a mapping or a list of mappings")
            merged = one | merged
        return merged

    def _key(self, node: yaml.Node) -> str:
        # The text as it is written: `on` is a key and not the YAML 1.1 word for true.
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith("tag:yaml.org,2002:") and node.value:
            return str(node.value)
        raise self._bad(node, "expected a name as the key, found something else")

    def _plain(self, node: yaml.Node, kind: str) -> None:
        if node.tag != f"tag:yaml.org,2002:{kind}":
            raise self._bad(node, f"the tag !!{node.tag.rpartition(':')[2]} is not known here")

    def _where(self, node: yaml.Node) -> Where:
        return Where(self.file, node.start_mark.line + 1)

    def _bad(self, node: yaml.Node, said: str) -> DrillyardError:
        return self.error(f"{self._where(node)}: {said}.")
