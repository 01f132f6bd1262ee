"""A runbook page as frozen values: what it promises, its parameters, its steps, its proof."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import msgspec
from msgspec import UNSET, Struct, field

from agent import naming
from agent.inventory.model import Where
from agent.language import Text, Words, say

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])",
    re.IGNORECASE,
)


ParamType = Literal["text", "number", "flag", "duration", "time", "secret"]
PARAM_TYPES: tuple[str, ...] = get_args(ParamType)


class Seconds(float):
    """A length of time in seconds; a page writes it as `90s`, `5 min`, `1h30m` or a plain number."""

    @classmethod
    def of(cls, value: object) -> Seconds:
        """Return `value` as seconds.

        Raises:
            ValueError: it is not a length of time, or less than nothing.
        """
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10:
            return cls(value)
        if isinstance(value, str) and len(value) < 100:
            if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", value):
                return cls(float(value))
            # "1m30s" has no word boundary inside, so each amount is cut off the front in turn.
            total, rest = 0.0, re.sub(r"(?<=[a-z])(?=\d)", " ", value.lower())
            while found := _DURATION.match(rest):
                total += float(found[1]) * _UNITS[found[2][0]]
                rest = rest[found.end() :]
            if not rest.strip() and value.strip() and total < 1e10:
                return cls(total)
        raise ValueError(f"Expected a length of time such as 90s, 5 min or 1h30m, got {value!r}")

    def __str__(self) -> str:
        whole, parts = int(self), []
        for name, size in (("d", 86400), ("h", 3600), ("m", 60)):
            count, whole = divmod(whole, size)
            if count:
                parts.append(f"{count}{name}")
        rest = whole + (float(self) - int(self))
        return "".join([*parts, f"{rest:g}s"] if rest or not parts else parts)


class Objectives(Struct, frozen=True, forbid_unknown_fields=True):
    """What the page promises: back within `rto`, at most `rpo` of writes lost, steps within `budget`."""

    rto: Seconds | None = None
    rpo: Seconds | None = None
    budget: Seconds | None = None


class Param(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing the operator may set; without a default it must be set."""

    type: ParamType = "text"
    default: Any = UNSET
    help: Text = ""

    @property
    def required(self) -> bool:
        """Whether the operator must give it."""
        return self.default is UNSET


class Retry(Struct, frozen=True, forbid_unknown_fields=True):
    """Do a step at most `times` times, `every` seconds apart, until it does not fail and `until` is true."""

    times: int = 3
    every: Seconds = field(default_factory=lambda: Seconds(1))
    until: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.times <= 10_000:
            raise ValueError("Expected times between 1 and 10000")


KINDS = ("do", "sh", "block", "include")
# Names every expression sees; `result` is there in `until` alone.
BUILT_IN = ("host", "hosts", "vars", "run", "params", "result")


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One step: exactly one of `do`, `sh`, `block` and `include`, and how it is to be gone about.

    `id` is unique in its page; where the page names none it is made from the step's name. `arguments`
    (written `with`) go to the action, or to the included page as its parameters. `on` narrows the page's
    hosts, and `system` names what a step acts on where it is not the page's: without `on`, a step is for
    the hosts that serve it. `when`, `retry.until` and everything between `{{ }}` are expressions. `undo` is
    a step done in reverse order when a later one fails. Where `confirm` is not answered for
    `confirm_within`, the run stops as it does where nobody is there to be asked. With `any_errors_fatal` a
    failure on one host ends the run on all. `at` is where the step is written. `given` are the names that
    only this step sees: the parameters of the included page it comes from, the outermost page's first, whose
    expressions see the ones before.
    """

    id: str = ""
    name: Text = ""
    do: str = ""
    sh: str | tuple[str, ...] = ""
    block: tuple[Step, ...] = ()
    rescue: tuple[Step, ...] = ()
    always: tuple[Step, ...] = ()
    include: str = ""
    arguments: dict[str, Any] = field(name="with", default_factory=dict)
    on: str = ""
    system: str = ""
    when: str | bool = True
    register: str = ""
    budget: Seconds | None = None
    timeout: Seconds | None = None
    retry: Retry | None = None
    serial: int | str = 0
    any_errors_fatal: bool = False
    confirm: Text = ""
    confirm_within: Seconds | None = None
    undo: Step | None = None
    tags: tuple[str, ...] = ()
    changes: str = ""
    reads: bool = False
    sudo: bool | str = False
    ok: tuple[int, ...] = (0,)
    at: Where = field(name="$at", default=Where(""))
    given: tuple[dict[str, Any], ...] = field(name="$given", default=())

    def __post_init__(self) -> None:
        found = [kind for kind in KINDS if getattr(self, kind)]
        if len(found) != 1:
            said = " and ".join(found) or "none of them"
            raise ValueError(f"Expected exactly one of do, sh, block and include in a step, got {said}")
        only = {"rescue": "block", "always": "block", "changes": "sh", "reads": "sh", "sudo": "sh"}
        for key, kind in only.items():
            if getattr(self, key) and self.kind != kind:
                raise ValueError(f"`{key}` belongs to a step with `{kind}`, not to one with `{self.kind}`")
        if self.reads and self.changes:
            raise ValueError("`reads` says that the command alters nothing, `changes` says what it alters")
        if self.confirm_within is not None and not (self.confirm and self.confirm_within > 0):
            raise ValueError("`confirm_within` is how long `confirm` waits for an answer, and needs both")
        if self.arguments and self.kind not in ("do", "include"):
            raise ValueError(f"`with` belongs to a step with `do` or `include`, not with `{self.kind}`")
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,199}|", self.id):
            raise ValueError(f"Expected an id of small letters, digits, dots and dashes, got {self.id!r}")
        if self.register and not re.fullmatch(r"[A-Za-z_]\w*", self.register, re.ASCII):
            raise ValueError(f"Expected `register` to be a plain name, got {self.register!r}")
        if self.register in BUILT_IN or self.register.startswith("_"):
            raise ValueError(f"`register` cannot be {self.register}, a name that has its own meaning")
        if not re.fullmatch(r"\d{1,6}|(100|[1-9]\d?)%", str(self.serial)) or isinstance(self.serial, bool):
            raise ValueError(f"Expected `serial` to be a count or a share such as 30%, got {self.serial!r}")

    @property
    def kind(self) -> str:
        """Which of do, sh, block and include it is."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def alters(self) -> str:
        """What an `sh` step changes, in words; empty where it only reads."""
        return "" if self.reads else self.changes or "runs a command"

    def title(self, language: Literal["en", "ko"] = "en") -> str:
        """Return the step's name, or what it does where it has none."""
        if self.name:
            return say(self.name, language)
        if self.sh:
            return self.sh.strip().splitlines()[0] if isinstance(self.sh, str) else " ".join(self.sh)
        return self.do or self.include or self.id

    def concerns(self, page_system: str) -> str:
        """Return the system it acts on, whose hosts alone it is for; "" = it is for every host.

        `redis.inspect` says it by itself; `service.stop` acts on the step's `system`, else on the page's.
        """
        if not self.do:
            return self.system
        room = self.do.rpartition(".")[0]
        return room if room in naming.systems() else self.system or page_system

    def inner(self) -> tuple[Step, ...]:
        """Return the steps directly inside it."""
        return self.block + self.rescue + self.always + ((self.undo,) if self.undo else ())


class Item(Words, frozen=True, forbid_unknown_fields=True):
    """A line of the checklist, and the step that tells whether it holds (None = a person sees to it).

    The step only looks: what it asks of a host may not change it.
    """

    check: Step | None = None

    def __post_init__(self) -> None:
        if self.check is None:
            return
        if self.check.kind not in ("do", "sh"):
            raise ValueError(f"A check is a step with do or sh, not one with {self.check.kind}")
        if self.check.sh and not self.check.reads:
            raise ValueError("A check only looks, so its command needs `reads: true`")
        for key in ("undo", "confirm", "register"):
            if getattr(self.check, key):
                raise ValueError(f"`{key}` has no meaning in a check")


class Included(Struct, frozen=True):
    """The page at `path`, which the page at `by` includes as `name`; `sha256` is its fingerprint."""

    by: str
    name: str
    path: str
    sha256: str


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """One page. `name` is the file's stem, `sha256` the fingerprint of its bytes, `at` where its title is.

    `system` is what the page is about. Its hosts are those matched by `on` that serve it, or what one of its
    steps acts on. `covers` are the symptoms and numbered failures it answers. `any_errors_fatal` is that of
    every step, and nothing begins where a host is unreachable; so it is on a page over several systems.
    `included` are the pages that were put into it, each by whom under which name, path and fingerprint.
    `prove` are steps that must hold in the end, `after` a checklist for people, some of whose items are
    checked when the run is over.
    """

    title: Text
    steps: tuple[Step, ...]
    system: str = ""
    on: str = "all"
    any_errors_fatal: bool = False
    covers: tuple[str, ...] = ()
    objectives: Objectives = Objectives()
    why: Text = ""
    params: dict[str, Param] = {}
    prove: tuple[Step, ...] = ()
    after: tuple[str | Item, ...] = ()
    name: str = field(name="$name", default="")
    path: str = field(name="$path", default="")
    sha256: str = field(name="$sha256", default="")
    included: tuple[Any, ...] = field(name="$included", default=())
    at: Where = field(name="$at", default=Where(""))

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems it acts on: its own first, then those of its steps in their order."""
        found = [self.system, *(step.concerns(self.system) for step in self.every_step())]
        return tuple(dict.fromkeys(name for name in found if name))

    @property
    def fatal(self) -> bool:
        """Whether what fails on one host ends the run on all.

        Where a page acts on several systems the steps of one rest on those of another: nobody is to be sent
        to a database that was not restored.
        """
        return self.any_errors_fatal or len(self.systems) > 1

    @property
    def checks(self) -> tuple[Step, ...]:
        """The steps that check items of the list; the page has no other hosts for their sake."""
        return tuple(item.check for item in self.after if isinstance(item, Item) and item.check)

    def every_step(self) -> Iterator[Step]:
        """Yield every step of the page, those inside others too, in the order they are written."""
        return within(self.steps + self.prove)

    def steps_after(self, step: Step) -> tuple[Step, ...]:
        """Return what the page does after a step, blocks left out; what takes the step back is none of it."""
        every = list(self.every_step())
        place = [each.id for each in every].index(step.id)
        return tuple(each for each in every[place + 1 :] if not each.block and each != step.undo)


def within(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps and those inside them, in the order they are written."""
    waiting = list(reversed(steps))
    while waiting:
        step = waiting.pop()
        yield step
        waiting.extend(reversed(step.inner()))


def decode(value: object, kind: Any) -> Any:
    """Return plain data as one of the structs above.

    Raises:
        msgspec.ValidationError: it is not one; the sentence ends with the path to the fault.
    """
    return msgspec.convert(value, kind, dec_hook=_seconds)


def _seconds(kind: type, value: object) -> object:
    if kind is Seconds:
        return Seconds.of(value)
    raise NotImplementedError(kind)
