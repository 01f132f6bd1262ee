"""`python -m agent.pitr VERB`: a spec as JSON on stdin, the answer as JSON on stdout.

An error is `{"error": KIND, "sentence": ..., "do": ...}` with the exit code of its kind; connection strings
come in the environment (or, from one of our own processes to another, in the spec), never in an argv.
"""

from __future__ import annotations

import os
import sys

import msgspec

from agent.errors import Defect, DrillyardError, Usage
from agent.pitr.programs import PROGRAMS, Spec
from agent.secrets import mask


def main(argv: list[str]) -> int:
    """Run one program and return its exit code."""
    try:
        answer = _answer(argv)
    except DrillyardError as error:
        said = {"error": type(error).__name__, "sentence": mask(error.sentence), "do": mask(error.do)}
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        sys.stderr.write(mask(f"drillyard: {error}\n"))
        return error.exit_code
    except Exception:  # noqa: BLE001 - a defect; whatever it says, no secret may stand in it
        import traceback

        sys.stderr.write(mask(traceback.format_exc()))
        return Defect.exit_code
    sys.stdout.buffer.write(answer + b"\n")
    return 0


def _answer(argv: list[str]) -> bytes:
    if len(argv) != 1 or argv[0] not in PROGRAMS:
        raise Usage(f"Expected one verb: {', '.join(PROGRAMS)}; found {' '.join(argv) or 'none'}.")
    try:
        told = msgspec.json.decode(sys.stdin.buffer.read() or b"{}", type=dict[str, object])
        # Popped, so that no process we start inherits them.
        uri = os.environ.pop("DRILLYARD_MONGODB_URI", "")
        into = os.environ.pop("DRILLYARD_MONGODB_INTO", "")
        told |= ({"uri": uri} if uri else {}) | {"into": into}
        spec = msgspec.convert(told, Spec)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Usage(f"The spec of {argv[0]} cannot be read: {error}.") from None
    return msgspec.json.encode(PROGRAMS[argv[0]](spec))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
