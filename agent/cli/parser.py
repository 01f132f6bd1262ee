"""The command line: every verb with an example and its exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import cast

from agent import __version__
from agent.cli import (
    api,
    audits,
    backups,
    completion,
    hosts,
    mongodb,
    pages,
    rehearsals,
    runs,
    status,
    unlock,
)
from agent.cli.codes import exit_codes
from agent.cli.options import Adder, Parser, consent, engine, library, places, token_file, verb, world
from agent.errors import Usage
from agent.naming import did_you_mean


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line, its function under `verb`.

    Raises:
        Usage: it makes no sense.
    """
    named = argv[0] if argv else ""
    parser = command_line(named)
    if named and not named.startswith("-") and named not in (known := verbs_of(parser)):
        raise Usage(
            f"There is no verb {named}.{did_you_mean(named, known)} There is: {', '.join(known)}.",
            do="See `drillyard --help`.",
        )
    return parser.parse_args(argv)


def verbs_of(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    """Return the names of the verbs that a parser has."""
    # argparse tells them nowhere else
    (verbs,) = (each for each in parser._actions if isinstance(each, Adder))
    return tuple(verbs.choices)


def command_line(only: str = "") -> argparse.ArgumentParser:
    """Return the parser of every verb, or of one, where there is one of that name."""
    parser = Parser(
        prog="drillyard",
        description="Carry out recovery runbooks on the hosts of an inventory.",
        epilog=f"exit codes:\n{exit_codes()}\n\n`drillyard check` has its own: 0 sound, 1 degraded, 2 down "
        "or damaged, 3 could not look.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"drillyard {__version__}")
    verbs = cast(Adder, parser.add_subparsers(metavar="VERB", required=True, action=Adder))
    verbs.only = only
    _look(verbs)
    _act(verbs)
    _backup(verbs)
    _mongodb(verbs)
    _api(verbs)
    _complete(verbs)
    return parser if verbs.choices or not only else command_line()


def _look(verbs: Adder) -> None:
    parser = verb(
        verbs, "hosts", hosts.hosts, "list the hosts and what they serve", "drillyard hosts -i prod"
    )
    world(parser)
    parser.add_argument(
        "--ping", action="store_true", help="connect to each, --forks at a time; its clock and its locks"
    )
    parser.add_argument("--graph", action="store_true", help="groups and hosts as a tree")
    engine(parser, forks=True)

    parser = verb(
        verbs,
        "check",
        status.check,
        "look at every service: up, answering, sound, backed up",
        "drillyard check -i prod --limit redis",
    )
    world(parser)
    engine(parser, forks=True)

    parser = verb(
        verbs,
        "auto-recover",
        status.auto_recover,
        "find the page that answers the symptoms, show its plan, and run it where agreed",
        "drillyard auto-recover -i prod --limit redis1",
    )
    world(parser)
    library(parser)
    places(parser)
    consent(parser)
    engine(parser, forks=True)
    parser.set_defaults(set=[], tags=[], reason="auto-recover")

    parser = verb(
        verbs, "runbooks", pages.runbooks, "list the pages, or check them", "drillyard runbooks check -i prod"
    )
    parser.add_argument("what", nargs="?", choices=("list", "check", "schema"), default="list")
    parser.add_argument("page", nargs="*", help="only these pages; after schema: pages or events")
    world(parser)
    library(parser)

    parser = verb(
        verbs,
        "rehearsals",
        rehearsals.rehearsals,
        "say when what is rehearsed, which is next, and its checklists",
        "drillyard rehearsals -i prod --year 2026 --ics > rehearsals.ics",
    )
    parser.add_argument("which", nargs="?", default="", help="the checklists of this one, such as Q2")
    parser.add_argument("--year", type=int, default=0, metavar="YEAR", help="else this one")
    parser.add_argument("--ics", action="store_true", help="the year as a file for calendars (iCalendar)")
    world(parser)
    library(parser)


def _act(verbs: Adder) -> None:
    for name, function, text in (
        ("plan", runs.plan, "say what a run would do, and change nothing"),
        ("run", runs.run, "carry out a page"),
    ):
        example = f"drillyard {name} redis_aof -i prod --limit redis1"
        parser = verb(verbs, name, function, text, example)
        parser.add_argument("page", help="the name of a page, or a path to one")
        world(parser)
        library(parser)
        parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter")
        parser.add_argument("--reason", default="", help="why, for the audit")
        parser.add_argument(
            "--tags",
            action="append",
            default=[],
            help="only steps that carry one of these, or whose block does; the proof is always made",
        )
        engine(parser, forks=True)
        places(parser)
        if name == "run":
            consent(parser)
        else:
            parser.add_argument("--diff", action="store_true", help="show how files would change")

    parser = verb(
        verbs, "resume", runs.resume, "go on with a run that was cut off", "drillyard resume latest"
    )
    parser.add_argument(
        "run",
        nargs="?",
        default="",
        metavar="RUN",
        help="a run's id or folder; or `latest`, the newest that is not done",
    )
    parser.add_argument(
        "--journal",
        default="",
        metavar="PATH",
        help="instead of RUN: the copied folder of a run, or its journal, whose first controller is dead",
    )
    parser.add_argument(
        "-i",
        "--inventory",
        action="append",
        default=[],
        metavar="PATH",
        help="the inventory, where it is not where the run found it; may be given again",
    )
    places(parser)
    engine(parser)
    consent(parser)

    parser = verb(
        verbs,
        "unlock",
        unlock.unlock,
        "break the lock that a dead run left on a service, or under its page's name",
        "drillyard unlock redis -i prod --limit redis1 --reason 'laptop died'",
    )
    parser.add_argument(
        "service", metavar="NAME", help="the service, or the page: what is said to be locked or held"
    )
    parser.add_argument("--reason", required=True, help="why, for the audit")
    parser.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="HOST",
        help="a production host whose lock may be broken; may be given again (else its name is asked for)",
    )
    world(parser)
    engine(parser)
    places(parser)

    parser = verb(
        verbs,
        "audit",
        audits.audit,
        "verify the chain of the audit, or acknowledge a line of it that a power cut tore",
        "drillyard audit verify\n"
        "  drillyard audit acknowledge 17 --reason 'power cut of 26 November, incident 42'",
    )
    parser.add_argument("what", choices=audits.VERBS)
    parser.add_argument(
        "line", nargs="?", type=int, help="acknowledge: the number of the torn line, as verify names it"
    )
    parser.add_argument("--reason", default="", help="acknowledge: why it is torn; it stays in the audit")
    parser.add_argument(
        "--last", default="", metavar="HASH", help="the hash a run ended with: it must be there still"
    )
    places(parser)


def _backup(verbs: Adder) -> None:
    parser = verb(
        verbs,
        "backup",
        backups.backup,
        "take, list, verify, check, prune, ship, fetch, restore, schedule backups; say what a policy is",
        "drillyard backup take redis -i prod\n"
        "  drillyard backup restore refserver unified_20250120_030000 -i prod --confirm ref1\n"
        "  drillyard backup restore refserver -i prod --at '2025-01-19 14:00:00' --dry-run",
    )
    parser.add_argument("what", choices=backups.VERBS, metavar="|".join(backups.VERBS))
    parser.add_argument("system", help="redis, refserver, sqlite, chromadb, files")
    parser.add_argument("backup", nargs="?", default="", metavar="ID", help="verify, ship, restore: as --id")
    parser.add_argument(
        "--id", default="", help="verify, ship, restore: this backup (else the newest; ship: all)"
    )
    parser.add_argument("--latest", action="store_true", help="restore: the newest good one (also without)")
    parser.add_argument(
        "--at",
        default="",
        metavar="MOMENT",
        help="restore: as of '2025-01-19 14:00:00', or with offset",
    )
    parser.add_argument(
        "--kind",
        default="",
        help="take, schedule: the kind (redis: full, aof; else daily, weekly, hourly); "
        "schedule: also verify, check, continuous (else all of it but continuous)",
    )
    parser.add_argument("--date", default="", metavar="DAY", help="list: only those of a day, 2025-01-19")
    parser.add_argument(
        "--depth",
        "--deep",
        nargs="?",
        const="restored",
        default="restored",
        choices=("checksum", "opens", "restored"),
        help="verify: how deep; restored (also --deep) puts it back elsewhere and compares all of it",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="prune, restore: only say what would be removed, or done"
    )
    parser.add_argument(
        "--to",
        default="",
        metavar="STORE|HOST",
        help="ship, prune --far: only this store of ship_to; restore: on this host, such as a spare",
    )
    parser.add_argument(
        "--far", action="store_true", help="prune: the copies off-site, by a key of its own that may delete"
    )
    parser.add_argument(
        "--lifecycle", action="store_true", help="policy: the lifecycle rules of its bucket, for aws s3api"
    )
    parser.add_argument("--all", action="store_true", help="verify: every backup, not the newest alone")
    parser.add_argument("--again", action="store_true", help="ship: check what the stores hold once more")
    parser.add_argument("--origin", default="", metavar="HOST", help="fetch: the backups of another host")
    parser.add_argument(
        "--store", default="", metavar="STORE", help="fetch: only from stores named so, s3://"
    )
    parser.add_argument(
        "--every",
        default="",
        help="schedule: 5m, 1h, 6h, `daily 03:00`, `Sun 04:00` (1h; daily, weekly: those; verify: Sun 05:00)",
    )
    parser.add_argument(
        "--mail",
        default="",
        metavar="ADDRESS",
        help="schedule: who is sent what `check` says when it is not well",
    )
    parser.add_argument(
        "--format", choices=("systemd", "cron"), default="systemd", help="schedule: what is written (systemd)"
    )
    parser.add_argument(
        "--install", action="store_true", help="schedule: put it in its place on this machine"
    )
    parser.add_argument("--reason", default="", help="restore: why, for the audit")
    parser.set_defaults(tags=[], forks=1)
    world(parser)
    library(parser)
    places(parser)
    consent(parser)
    engine(parser)


def _mongodb(verbs: Adder) -> None:
    parser = verb(
        verbs,
        "capture",
        mongodb.capture,
        "capture a MongoDB server continuously, in the foreground, as a service does",
        "drillyard capture -i prod --limit mongo1",
    )
    parser.add_argument("--unit", action="store_true", help="print the systemd unit file for it, and end")
    world(parser)

    parser = verb(
        verbs,
        "mongodb",
        mongodb.mongodb,
        "ask about MongoDB servers: how they and their captures are, which moments can be restored, what may "
        "be damage; a base now; mongodump folders out of captures and into the spare; indexes to declare",
        "drillyard mongodb find-damage -i prod --limit mongo1 --since 2026-11-26T03:00:00+09:00",
    )
    parser.add_argument("what", choices=mongodb.ASKED, metavar="|".join(mongodb.ASKED))
    parser.add_argument("folder", nargs="?", default="", help="dump, load: the mongodump folder")
    parser.add_argument(
        "--at", default="latest", metavar="MOMENT", help="dump: latest, SECS,INC, or ISO with an offset"
    )
    parser.add_argument(
        "--since", default="", metavar="MOMENT", help="find-damage: from here (else an hour before the end)"
    )
    parser.add_argument(
        "--until", default="", metavar="MOMENT", help="find-damage: up to here (else all there is)"
    )
    parser.add_argument(
        "--at-least", type=int, default=100, metavar="N", help="find-damage: documents of a burst (100)"
    )
    parser.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="DATABASE",
        help="load: this database of the spare may be replaced; may be given again",
    )
    parser.add_argument(
        "--confirm", action="append", default=[], metavar="HOST", help="load: a production host it may be for"
    )
    world(parser)
    engine(parser)


def _api(verbs: Adder) -> None:
    parser = verb(
        verbs,
        "serve",
        api.serve,
        "serve the Admin API of one service, in the foreground, as a service does",
        "drillyard serve refserver -i prod --limit ref1",
    )
    parser.add_argument("system", help="refserver; another one with --page")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="another one needs TLS")
    parser.add_argument("--port", type=int, default=api.PORT, help=f"else {api.PORT}; 0 is any free one")
    parser.add_argument("--cert", default="", metavar="FILE", help="TLS: the certificate, with its chain")
    parser.add_argument("--key", default="", metavar="FILE", help="TLS: its key")
    parser.add_argument("--page", default="", help="the page that restores, by its parameter `backup`")
    parser.add_argument("--rate", type=int, default=120, metavar="N", help="calls a minute of a token (120)")
    parser.add_argument(
        "--changes", type=int, default=10, metavar="N", help="of these such that change something (10)"
    )
    parser.add_argument("--no-notify", action="store_true", help="tell nobody of the escalation ladder")
    parser.add_argument("--unit", action="store_true", help="print the systemd unit file for it, and end")
    token_file(parser)
    world(parser)
    library(parser)
    places(parser)
    engine(parser)

    parser = verb(
        verbs,
        "token",
        api.token,
        "make a token for the Admin API and show it once; list them, revoke one",
        "drillyard token add deploy --scope read --scope restore -i prod",
    )
    parser.add_argument("what", choices=api.ASKED, metavar="|".join(api.ASKED))
    parser.add_argument("name", nargs="?", default="", help="whose it is; revoke: or its id")
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        choices=("read", "backup", "restore"),
        help="add: what it is for (read); may be given again, none implies another",
    )
    parser.add_argument(
        "--days", type=int, default=0, metavar="N", help="add: it ends after N days (0: never)"
    )
    token_file(parser)
    world(parser)
    places(parser)


def _complete(verbs: Adder) -> None:
    parser = verb(
        verbs,
        "completion",
        completion.completion,
        "print a script that completes our command lines in a shell",
        "drillyard completion bash > ~/.local/share/bash-completion/completions/drillyard",
    )
    parser.add_argument("what", choices=(*completion.SHELLS, "words"), metavar="bash|zsh|fish")
    parser.add_argument("typed", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
