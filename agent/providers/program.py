"""A provider's program on a tools host: JSON in, JSON out, its errors raised again as what they are.

    found = yield from call(Program("agent.providers.atlas", python, host), "look", {"cluster": "chat"})

The spec travels by stdin and secrets as environment variables, so that neither stands in an argv. On the
other side the program is `serve({"look": look, ...})`. `python -m agent.pitr` speaks the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from agent import errors
from agent.errors import Defect, DrillyardError, StepFailed, Usage
from agent.secrets import mask_bytes
from agent.transport.ask import Action, Done, Sh

T = TypeVar("T")
Spec = Mapping[str, Any]
Verbs = Mapping[str, Callable[[dict[str, Any]], Any]]

_KINDS: dict[str, type[DrillyardError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, DrillyardError)
}
# 1, 2, 126 and 127: what Python and the shell say where there is no such program.
_OK = (0, 1, 2, 126, 127, *sorted({kind.exit_code for kind in _KINDS.values()}))


@dataclass(frozen=True)
class Program:
    """A module that is run as `python -m module VERB` on `host`, which is named in its errors."""

    module: str
    python: str
    host: str
    extra: str

    def sh(self, verb: str, spec: Spec, **options: Any) -> Sh:
        """Return the ask that runs one verb; `options` are Sh's."""
        # Not out of the folder a login begins in: a random.py of somebody's would be taken for Python's.
        words = (self.python, "-P", "-m", self.module, verb)
        return Sh(*words, stdin=msgspec.json.encode(spec), ok=_OK, **options)

    def answer(self, done: Done, kind: type[T]) -> T:
        """Return what the program printed, as `kind`.

        Raises:
            DrillyardError: the program's own error, of the class it had there.
            StepFailed: it did not run as a program of ours.
        """
        if done.rc:
            raise self._failure(done)
        if not done.out:
            # So a preview supposes a change: it cannot know the answer.
            raise ValueError("no answer")
        try:
            return msgspec.json.decode(done.out, type=kind)
        except msgspec.DecodeError as error:
            raise StepFailed(
                f"{self.host}: expected an answer of {self.module}, found {done.text[:200]!r} ({error}).",
                do=f"See that {self.python} there has this release of Drillyard installed.",
            ) from None

    def _failure(self, done: Done) -> DrillyardError:
        try:
            said = msgspec.json.decode(done.out, type=dict[str, str])
            kind = _KINDS[said["error"]]
            return kind(f"{self.host}: {said['sentence']}", do=said["do"])
        except (msgspec.DecodeError, LookupError):
            return StepFailed(
                f"{self.host}: {self.module} ended with code {done.rc}: {done.complaint}",
                do=f"See that {self.python} there has drillyard[{self.extra}] installed.",
            )


def call(program: Program, verb: str, spec: Spec, kind: type[T], **options: Any) -> Action[T]:
    """Run one verb and return its answer; raises like `Program.answer`."""
    done: Done = yield program.sh(verb, spec, **options)
    return program.answer(done, kind)


def serve(verbs: Verbs, argv: list[str] | None = None) -> int:
    """Be such a program: run the verb of the command line on the spec of stdin and print its answer.

    Returns the exit code: 0, or that of the error, which is printed as JSON and, for people, on stderr.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        if len(words) != 1 or words[0] not in verbs:
            raise Usage(f"Expected one of {', '.join(sorted(verbs))}, found {' '.join(words) or 'nothing'}.")
        try:
            spec = msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise Usage(f"Expected a JSON object on standard input: {error}.") from None
        return _print(verbs[words[0]](spec), 0)
    except DrillyardError as error:
        return _refuse(error)
    except Exception as error:  # noqa: BLE001 - whatever went wrong here is to be read on the other side
        return _refuse(Defect(f"A defect of this program was met ({type(error).__name__}: {error})."))


def _print(answer: object, code: int) -> int:
    sys.stdout.buffer.write(mask_bytes(msgspec.json.encode(answer)) + b"\n")
    sys.stdout.flush()
    return code


def _refuse(error: DrillyardError) -> int:
    sys.stderr.buffer.write(mask_bytes(f"{error}\n".encode("utf-8", "replace")))
    sys.stderr.flush()
    said = {"error": type(error).__name__, "sentence": error.sentence, "do": error.do}
    return _print(said, error.exit_code)
