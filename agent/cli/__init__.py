"""`drillyard`: parse the command line, call what it names, print, turn an error into its exit code."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from agent.errors import Defect, DrillyardError, JournalLost
from agent.secrets import mask

_OBJECTS = 50_000
"""How many new objects make Python look for garbage; 700 otherwise."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_LOOKS = ("hosts", "check", "runbooks", "rehearsals", "plan", "completion")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; errors of ours become one sentence on stderr."""
    # What a start makes stays to the end; looking through it for garbage is a tenth of what it costs.
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    words = sys.argv[1:] if argv is None else argv
    # `>&-` leaves nothing to write to; what is said there is said to nobody, and is no defect.
    sys.stdout, sys.stderr = (each or Path(os.devnull).open("w") for each in (sys.stdout, sys.stderr))  # noqa: SIM115
    _take_any_text()
    try:
        from agent.cli.parser import parse

        command = parse(words)
        with ended_at_once(words):
            code: int = command.verb(command)
    except DrillyardError as error:
        sys.stderr.write(mask(f"drillyard: {error}\n"))
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`): nobody is left to tell, and it was not done.
        sys.stderr.close()
        return 128 + signal.SIGPIPE
    except OSError as problem:
        if problem.errno not in _FULL:
            return _defect()
        from agent.screen.seen import say_no_more

        sys.stderr.write(f"drillyard: expected to write what there is to say, found: {problem.strerror}.\n")
        say_no_more()
        return JournalLost.exit_code
    except KeyboardInterrupt:
        sys.stderr.write(f"drillyard: ended at once. {_left(words)}\n")
        return 130
    except Exception:  # noqa: BLE001 - a defect; whatever it says, no secret may stand in it
        return _defect()
    return code


def _defect() -> int:
    """Show what went wrong in this program, and return its exit code."""
    import traceback

    sys.stderr.write(mask(traceback.format_exc()))
    sys.stderr.write("drillyard: this program went wrong. Report it with the lines above.\n")
    return Defect.exit_code


def _take_any_text() -> None:
    """Have both outputs write what their encoding lacks in another way: no sign is worth a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def ended_at_once(words: Sequence[str]) -> Iterator[None]:
    """Have Ctrl-C end a verb that only looks where it is: its threads may wait for a host for a minute."""
    if not (words and words[0] in _LOOKS and threading.current_thread() is threading.main_thread()):
        yield
        return

    def end(*_: object) -> None:
        # What is not written yet may be in the middle of it.
        with suppress(Exception):
            sys.stdout.flush()
        with suppress(OSError):
            os.write(2, f"drillyard: ended at once. {_left(words)}\n".encode())
        os._exit(130)

    former = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _left(words: Sequence[str]) -> str:
    """Return what a verb that was ended at once leaves behind, where it is no run: that tells it itself."""
    if words and words[0] in _LOOKS:
        return "It only looks: nothing was changed."
    if words and words[0] in ("run", "resume"):
        return "No run was under way: nothing was asked to change."
    return "What was in flight is unknown: see `drillyard check`, and `drillyard resume` where a run began."
