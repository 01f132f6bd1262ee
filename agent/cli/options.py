"""What verbs of several kinds are told: the world, its engine, where runs and pages are, the tokens."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from agent.cli.codes import exit_codes_of
from agent.errors import Usage

Verb = Callable[[argparse.Namespace], int]
if TYPE_CHECKING:
    _Verbs = argparse._SubParsersAction["Parser"]  # argparse names the type nowhere else
else:
    _Verbs = argparse._SubParsersAction


class Parser(argparse.ArgumentParser):
    """Says in a sentence of ours what makes no sense."""

    def error(self, message: str) -> NoReturn:
        """Raise it as an error of ours."""
        raise Usage(f"{message}.", do=f"See `{self.prog} --help`.")


class Adder(_Verbs):
    """Takes the verbs; with `only` no more than that one, as a start is not to make what nobody asked for."""

    only = ""


class Unasked(argparse.ArgumentParser):
    """Stands for a verb that this command line is not about."""

    def __init__(self) -> None:
        """Nothing is made."""

    def add_argument(self, *_: Any, **__: Any) -> argparse.Action:
        """Nothing."""
        return argparse.Action([], "")

    def set_defaults(self, **_: Any) -> None:
        """Nothing."""


def verb(verbs: Adder, name: str, function: Verb, text: str, example: str) -> argparse.ArgumentParser:
    """Add a verb with its example and its exit codes, and return its parser."""
    if verbs.only not in ("", name):
        return Unasked()
    parser = verbs.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  {example}\n\nexit codes:\n{exit_codes_of(name)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=function)
    parser.add_argument(
        "--lang", default="", type=_language, metavar="en|ko", help="the language to speak (else the locale)"
    )
    parser.add_argument("--json", action="store_true", help="JSON for machines")
    return parser


def world(parser: argparse.ArgumentParser) -> None:
    """Add which inventory and which of its hosts."""
    parser.add_argument(
        "-i",
        "--inventory",
        action="append",
        default=[],
        metavar="PATH",
        help="an inventory file or folder; may be given again (else $DRILLYARD_INVENTORY)",
    )
    parser.add_argument(
        "--limit",
        default="",
        metavar="PATTERN",
        help="only these hosts: redis:!redis3, web*, ~regex, @failed (last time), @FILE",
    )


def engine(parser: argparse.ArgumentParser, *, forks: bool = False) -> None:
    """Add who opens the roads; with `forks` how many hosts at a time."""
    parser.add_argument(
        "--engine",
        default=os.environ.get("DRILLYARD_ENGINE", ""),
        metavar="ENGINE",
        help="who opens the roads: threads (this process), or dask://SCHEDULER:PORT (workers near hosts); "
        "else $DRILLYARD_ENGINE",
    )
    parser.add_argument(
        "--engine-insecure", action="store_true", help="even where the engine is spoken to without TLS"
    )
    if forks:
        parser.add_argument("--forks", type=_some, default=8, metavar="N", help="how many hosts at a time")


def _language(text: str) -> str:
    """Return a language, or a locale of it: `ko`, `ko_KR.UTF-8`; kr is a country."""
    if text and re.split(r"[-_.]", text.lower())[0] not in ("en", "ko"):
        raise argparse.ArgumentTypeError(f"expected en or ko, found {text}")
    return text


def _some(text: str) -> int:
    """Return a whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, found {text}")
    return int(text)


def consent(parser: argparse.ArgumentParser) -> None:
    """Add what a person agrees to beforehand, and how much is told to whom."""
    parser.add_argument("--yes", action="store_true", help="answer every confirm step with yes")
    parser.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="HOST",
        help="a production host that may be touched; may be given again (else its name is asked for)",
    )
    parser.add_argument(
        "--max-hosts", type=int, default=0, metavar="N", help="refuse to touch more hosts than N"
    )
    parser.add_argument("--quiet", action="store_true", help="only failures and the end")
    parser.add_argument("--verbose", action="store_true", help="say each thing that is asked of a host")
    parser.add_argument("--no-notify", action="store_true", help="tell nobody of the escalation ladder")


def places(parser: argparse.ArgumentParser) -> None:
    """Add where runs are kept."""
    parser.add_argument(
        "--runs",
        default=os.environ.get("DRILLYARD_RUNS", "runs"),
        metavar="DIR",
        help="where runs are kept (else $DRILLYARD_RUNS, else ./runs)",
    )


def library(parser: argparse.ArgumentParser) -> None:
    """Add folders of pages."""
    parser.add_argument(
        "--pages",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder of pages searched before ours; may be given again",
    )


def token_file(parser: argparse.ArgumentParser) -> None:
    """Add which file has the tokens."""
    parser.add_argument(
        "--tokens",
        default=os.environ.get("DRILLYARD_TOKENS", ""),
        metavar="FILE",
        help="the file of tokens (else $DRILLYARD_TOKENS, else .INVENTORY.tokens.json beside the inventory)",
    )
