"""`python3 -m setup test|drill|clean`: make this machine ready for one of them. Safe to repeat.

    test    .venv, and the servers the tests speak to
    drill   .venv, a container engine, the base image, the stacks' images; more stacks by --stack FOLDER
    clean   remove what we put on the engine; --only STACK removes one stack

Exit codes are those of agent/errors.py (60: no container engine); 65: this machine lacks something that we
may not or could not install.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from agent.errors import DrillyardError
from setup import progress, servers, venv
from setup.together import together


def main(argv: list[str]) -> int:
    """Carry out one verb and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="setup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("test", "drill", "clean"))
    parser.add_argument("--stack", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--only", default="", metavar="STACK")
    asked = parser.parse_args(argv)
    try:
        if asked.verb == "test":
            venv.make()
            together(venv.ensure, servers.ensure)
        elif not _inside():
            python = venv.ensure()
            # The rest uses docker's SDK, so it goes on in the environment that has just been made.
            os.execv(python, [str(python), "-m", "setup", *argv])
        elif asked.verb == "drill":
            _drill(asked.stack)
        else:
            _clean(asked.only)
    except DrillyardError as error:
        progress.say(f"setup: {error}")
        return error.exit_code
    except OSError as error:
        progress.say(f"setup: Expected to be able to write in this folder and to run what is in it: {error}.")
        return venv.CannotInstall.exit_code
    except KeyboardInterrupt:
        progress.say("setup: stopped; run it again to go on.")
        return 130
    return 0


def _inside() -> bool:
    return Path(sys.prefix).resolve() == venv.VENV.resolve()


def _drill(stacks: list[Path]) -> None:
    from setup import engine, images

    images.ensure(engine.ensure(), stacks)


def _clean(only: str) -> None:
    from drills.rig.engine import connect
    from setup import clean

    removed: list[str] = []

    def said(what: str) -> None:
        removed.append(what)
        progress.say(f"clean: removed {what}")

    clean.clean(connect(), said, only)
    if not removed:
        progress.say("clean: there was nothing of ours to remove")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
