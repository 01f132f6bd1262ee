"""`drillyard serve` and `drillyard token`: the Admin API, and who may call it."""

from __future__ import annotations

import importlib.util
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.world import inventory_of, language_of, limited, roads_of, sources_of
from agent.errors import NotFound, Usage
from agent.language import Words, say

if TYPE_CHECKING:
    from agent.api.tokens import Token, Tokens
    from agent.api.ward import Ward
    from agent.inventory import Host
    from agent.transport import Roads

UNIT = Path(__file__).parents[1] / "api" / "drillyard-serve.service"
ASKED = ("add", "list", "revoke")
PORT = 8061
_LAST_ASK = 90

_SERVING = Words(
    "serving {system} of {host} on {url}; tokens: {tokens}; audit: {audit}",
    "{host}의 {system}을(를) {url} 에서 제공합니다. 토큰: {tokens}, 감사 로그: {audit}",
)
_ENDED = Words("ended", "종료됨")
_MADE = Words(
    "The token of {name}, for {scopes}. It is shown this once and kept nowhere:",
    "{name}의 토큰 ({scopes}). 지금 한 번만 표시되며 어디에도 저장되지 않습니다:",
)
_REVOKED = Words(
    "{token} is revoked; it holds from the next call on.", "{token} 폐기됨. 다음 요청부터 적용됩니다."
)
_NONE = Words("no tokens in {path}", "{path} 에 토큰이 없습니다")
_LISTED = Words("made {made}, until {expires}", "생성 {made}, 만료 {expires}")
_EVER = Words("revoked", "폐기 시까지")


def serve(command: Namespace) -> int:
    """Serve the Admin API of one service until SIGTERM or Ctrl-C; an operation under way goes on later."""
    if command.unit:
        sys.stdout.write(UNIT.read_text())
        return 0
    _insist_on_extra()
    from agent.api.app import create_app
    from agent.api.desk import Desk
    from agent.api.gate import Keeper
    from agent.api.listening import check_place, listen
    from agent.api.operations import Book
    from agent.api.rates import Rates
    from agent.api.serve import serve as go

    tls = check_place(command.bind, command.cert, command.key)
    tokens = _tokens(command)
    if not tokens.read():
        raise Usage(
            f"Expected at least one token in {tokens.path}, found none: nobody could call.",
            do="Make one: drillyard token add NAME --scope read.",
        )
    with roads_of(command) as roads:
        ward = _ward(command, roads)
        ward.check()
        desk = Desk(ward, Book(ward.runs / "api"))
        keeper = Keeper(tokens, Rates(calls=command.rate, changes=command.changes), ward.runs)
        listener = listen(command.bind, command.port)
        host, port = listener.getsockname()[:2]
        url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
        told = {"tokens": tokens.path, "audit": ward.runs / "audit.jsonl"}

        def begin() -> None:
            desk.take_up()
            _say(command, _SERVING, system=ward.system, host=ward.name, url=url, **told)

        try:
            go(create_app(desk, keeper), listener, tls, begin)
        finally:
            # What is under way ends between two asks, and the next server goes on with it.
            desk.close(within=_LAST_ASK)
    _say(command, _ENDED)
    return 0


def token(command: Namespace) -> int:
    """Make a token and show it once, list the tokens, or revoke one; the audit says who did."""
    from agent.record import audit

    tokens, runs = _tokens(command), Path(command.runs).absolute()
    if command.what == "list":
        if command.name:
            raise Usage("token list takes no name.")
        return _list(command, tokens)
    if not command.name:
        raise Usage(
            f"token {command.what} needs a name.", do=f"drillyard token {command.what} deploy -i prod"
        )
    if command.what == "revoke":
        gone = tokens.revoke(command.name)
        audit.note(runs, "token revoked", token=str(gone))
        _say(command, _REVOKED, token=gone)
        return 0
    made, text = tokens.add(command.name, tuple(command.scope) or ("read",), command.days)
    audit.note(runs, "token made", token=str(made), scopes=list(made.scopes), expires=made.expires)
    sys.stderr.write(
        say(_MADE, language_of(command)).format(name=made.name, scopes=", ".join(made.scopes)) + "\n"
    )
    sys.stdout.write(text + "\n")
    return 0


def _list(command: Namespace, tokens: Tokens) -> int:
    known = tokens.read()
    for each in known:
        if command.json:
            told = {"id": each.id, "name": each.name, "scopes": each.scopes}
            sys.stdout.write(json.dumps({**told, "made": each.made, "expires": each.expires}) + "\n")
        else:
            sys.stdout.write(_line(command, each) + "\n")
    if not known and not command.json:
        _say(command, _NONE, path=tokens.path)
    return 0


def _line(command: Namespace, token: Token) -> str:
    language = language_of(command)
    expires = token.expires or say(_EVER, language)
    times = say(_LISTED, language).format(made=token.made, expires=expires)
    return f"{token.name:<20} {token.id}  {','.join(token.scopes):<20} {times}"


def _tokens(command: Namespace) -> Tokens:
    """Return the file of tokens: beside the inventory, its name one that no reader of inventories opens."""
    from agent.api.tokens import Tokens

    if command.tokens:
        return Tokens(Path(command.tokens).absolute())
    source = sources_of(command)[0]
    return Tokens(source.with_name(f".{source.name}.tokens.json"))


def _ward(command: Namespace, roads: Roads) -> Ward:
    from agent.api.ward import PAGES, Ward

    page = command.page or PAGES.get(command.system, "")
    if not page:
        raise Usage(
            f"No page is known that puts a backup of {command.system} back.", do="Name it with --page."
        )
    return Ward(
        sources=tuple(map(str, sources_of(command))),
        name=_the_one(command).name,
        system=command.system,
        page=page,
        runs=Path(command.runs).absolute(),
        pages=tuple(str(Path(each).absolute()) for each in command.pages),
        language=language_of(command),
        roads=roads,
        engine=command.engine,
        notify=not command.no_notify,
    )


def _the_one(command: Namespace) -> Host:
    hosts = [host for host in limited(command, inventory_of(command)) if command.system in host.services]
    if not hosts:
        raise NotFound(f"No host that is meant serves {command.system}.")
    if len(hosts) > 1:
        names = ", ".join(host.name for host in hosts)
        raise Usage(
            f"Expected one host to serve the API of, found {len(hosts)}: {names}.",
            do=f"Name it: --limit {hosts[0].name}. Each has an API of its own, with its --port and --runs.",
        )
    return hosts[0]


def _insist_on_extra() -> None:
    missing = [each for each in ("fastapi", "uvicorn") if importlib.util.find_spec(each) is None]
    if missing:
        raise Usage(
            f"Expected the packages of the Admin API, found no {' and no '.join(missing)}.",
            do="Install them: pip install 'drillyard[api]'.",
        )


def _say(command: Namespace, words: Words, **told: object) -> None:
    sys.stdout.write(say(words, language_of(command)).format(**told) + "\n")
    sys.stdout.flush()
