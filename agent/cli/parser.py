"""The command line: every verb with an example and its exit codes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeAlias

from agent import __version__
from agent.cli import backups, completion, hosts, pages, runs, status
from agent.cli.codes import exit_codes, exit_codes_of
from agent.errors import Usage

_Verb = Callable[[argparse.Namespace], int]
_Adder: TypeAlias = "argparse._SubParsersAction[_Parser]"  # argparse names the type nowhere else


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message}.", do=f"See `{self.prog} --help`.")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line, its function under `verb`.

    Raises:
        Usage: it makes no sense.
    """
    return command_line().parse_args(argv)


def command_line() -> argparse.ArgumentParser:
    """Return the parser of every verb."""
    parser = _Parser(
        prog="drillyard",
        description="Carry out recovery runbooks on the hosts of an inventory.",
        epilog=f"exit codes:\n{exit_codes()}\n\n`drillyard check` has its own: 0 sound, 1 degraded, 2 down "
        "or damaged, 3 could not look.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"drillyard {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _look(verbs)
    _act(verbs)
    _backup(verbs)
    _complete(verbs)
    return parser


def _verb(verbs: _Adder, name: str, function: _Verb, text: str, example: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n  {example}\n\nexit codes:\n{exit_codes_of(name)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=function)
    parser.add_argument("--lang", default="", metavar="en|ko", help="the language to speak (else the locale)")
    parser.add_argument("--json", action="store_true", help="JSON for machines")
    return parser


def _world(parser: argparse.ArgumentParser) -> None:
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


def _places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs",
        default=os.environ.get("DRILLYARD_RUNS", "runs"),
        metavar="DIR",
        help="where runs are kept (else $DRILLYARD_RUNS, else ./runs)",
    )


def _library(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pages",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder of pages searched before ours; may be given again",
    )


def _look(verbs: _Adder) -> None:
    parser = _verb(
        verbs, "hosts", hosts.hosts, "list the hosts and what they serve", "drillyard hosts -i prod"
    )
    _world(parser)
    parser.add_argument("--ping", action="store_true", help="connect to each; its clock and its locks")
    parser.add_argument("--graph", action="store_true", help="groups and hosts as a tree")

    parser = _verb(
        verbs,
        "check",
        status.check,
        "look at every service: up, answering, sound, backed up",
        "drillyard check -i prod --limit redis",
    )
    _world(parser)

    parser = _verb(
        verbs,
        "auto-recover",
        status.auto_recover,
        "find the page that answers the symptoms, show its plan, and run it where agreed",
        "drillyard auto-recover -i prod --limit redis1",
    )
    _world(parser)
    _library(parser)
    _places(parser)
    _consent(parser)
    parser.set_defaults(set=[], tags=[], reason="auto-recover", forks=8)

    parser = _verb(
        verbs, "runbooks", pages.runbooks, "list the pages, or check them", "drillyard runbooks check -i prod"
    )
    parser.add_argument("what", nargs="?", choices=("list", "check", "schema"), default="list")
    parser.add_argument("page", nargs="*", help="only these pages; after schema: pages or events")
    _world(parser)
    _library(parser)


def _act(verbs: _Adder) -> None:
    for name, function, text in (
        ("plan", runs.plan, "say what a run would do, and change nothing"),
        ("run", runs.run, "carry out a page"),
    ):
        example = f"drillyard {name} redis_aof -i prod --limit redis1"
        parser = _verb(verbs, name, function, text, example)
        parser.add_argument("page", help="the name of a page, or a path to one")
        _world(parser)
        _library(parser)
        parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter")
        parser.add_argument("--reason", default="", help="why, for the audit")
        parser.add_argument("--tags", action="append", default=[], help="only steps that carry one of these")
        parser.add_argument("--forks", type=int, default=8, help="how many hosts at a time")
        _places(parser)
        if name == "run":
            _consent(parser)
        else:
            parser.add_argument("--diff", action="store_true", help="show how files would change")

    parser = _verb(
        verbs, "resume", runs.resume, "go on with a run that was cut off", "drillyard resume latest"
    )
    parser.add_argument("run", metavar="RUN", help="a run's id or folder, or `latest`")
    _places(parser)
    _consent(parser)

    parser = _verb(
        verbs,
        "unlock",
        runs.unlock,
        "break the lock that a dead run left on a service",
        "drillyard unlock redis -i prod --limit redis1 --reason 'laptop died'",
    )
    parser.add_argument("service")
    parser.add_argument("--reason", required=True, help="why, for the audit")
    _world(parser)
    _places(parser)

    parser = _verb(verbs, "audit", runs.audit, "verify the chain of the audit", "drillyard audit verify")
    parser.add_argument("what", choices=("verify",))
    parser.add_argument(
        "--last", default="", metavar="HASH", help="the hash a run ended with: it must be there still"
    )
    _places(parser)


def _consent(parser: argparse.ArgumentParser) -> None:
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


def _backup(verbs: _Adder) -> None:
    parser = _verb(
        verbs, "backup", backups.backup, "take, list or verify backups", "drillyard backup take redis -i prod"
    )
    parser.add_argument("what", choices=("take", "list", "verify"))
    parser.add_argument("system", help="redis")
    parser.add_argument("--id", default="", help="verify this backup (else the newest)")
    _world(parser)


def _complete(verbs: _Adder) -> None:
    parser = _verb(
        verbs,
        "completion",
        completion.completion,
        "print a script that completes our command lines in a shell",
        "drillyard completion bash > ~/.local/share/bash-completion/completions/drillyard",
    )
    parser.add_argument("what", choices=(*completion.SHELLS, "words"), metavar="bash|zsh|fish")
    parser.add_argument("typed", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
