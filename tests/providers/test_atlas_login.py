"""Who we are to Atlas: a token that is kept and fetched anew, or digest; and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ServiceRefused
from agent.providers.atlas.api import Api
from agent.providers.atlas.clusters import look
from agent.providers.atlas.login import ServiceAccount, api_key, kept_at
from drills.standins.atlas import Atlas

TOKEN = "POST /api/oauth/token"
Made = Callable[..., Api]
Spec = Callable[..., dict[str, Any]]


def test_one_token_serves_every_request(fake: Atlas, api: Made, spec: Spec) -> None:
    """Atlas counts requests for tokens, so there is one for a conversation."""
    with api() as one:
        look(one, spec())
        look(one, spec())
    assert fake.times(TOKEN) == 1
    assert fake.times("GET") == 10


def test_a_token_is_kept_for_the_next_process(fake: Atlas, api: Made, spec: Spec, tmp_path: Path) -> None:
    """It lies in a file for its owner alone; one that others could read is not trusted."""
    keep = kept_at(fake.url, fake.guard.client_id, tmp_path)
    for _ in range(2):
        look(api(_account(fake, keep)), spec())
    assert fake.guard.issued == 1
    assert keep.stat().st_mode & 0o777 == 0o600
    assert keep.parent.stat().st_mode & 0o077 == 0
    assert fake.guard.client_secret not in keep.read_text()
    keep.chmod(0o644)
    look(api(_account(fake, keep)), spec())
    assert fake.guard.issued == 2


def test_accounts_do_not_share_a_token(tmp_path: Path) -> None:
    """Another account or another Atlas is another file."""
    places = {
        kept_at(base, account, tmp_path) for base in ("https://a", "https://b") for account in ("x", "y")
    }
    assert len(places) == 4


def test_a_kept_token_that_is_refused_is_replaced_once(
    fake: Atlas, api: Made, spec: Spec, tmp_path: Path
) -> None:
    """Revoked or outlived: the request goes through with a new token."""
    keep = kept_at(fake.url, fake.guard.client_id, tmp_path)
    look(api(_account(fake, keep)), spec())
    fake.guard.tokens.clear()
    look(api(_account(fake, keep)), spec())
    assert fake.guard.issued == 2


def test_a_token_is_not_used_to_its_last_second(fake: Atlas, api: Made, spec: Spec, tmp_path: Path) -> None:
    """One that ends within the next minutes is fetched anew beforehand."""
    fake.guard.life = 60.0
    keep = kept_at(fake.url, fake.guard.client_id, tmp_path)
    look(api(_account(fake, keep)), spec())
    before = fake.guard.issued
    look(api(_account(fake, keep)), spec())
    assert fake.guard.issued > before


def test_digest_opens_the_door_too(fake: Atlas, api: Made, spec: Spec) -> None:
    """An API key works without any token, over a nonce that is used up in between."""
    fake.guard.nonce_uses = 3
    with api(api_key(fake.guard.public_key, fake.guard.private_key)) as one:
        assert look(one, spec()).cluster is not None
        assert look(one, spec()).spare is not None
    assert fake.times(TOKEN) == 0


@pytest.mark.parametrize("way", ["service account", "api key"])
def test_wrong_credentials_are_said_in_words(fake: Atlas, api: Made, spec: Spec, way: str) -> None:
    """Neither way leads in with the wrong half, and the sentence says which settings to correct."""
    wrong = ServiceAccount(fake.url, fake.guard.client_id, "wrong-secret-wrong-secret")
    login = wrong if way == "service account" else api_key(fake.guard.public_key, "wrong-private-key")
    with pytest.raises(ServiceRefused, match="does not accept the credentials") as refused:
        look(api(login), spec())
    assert "client_secret" in refused.value.do
    assert "wrong-" not in str(refused.value)


def test_an_address_that_is_not_on_the_list(fake: Atlas, api: Made, spec: Spec) -> None:
    """The API's access list is another one than the project's; the sentence has the address and says so."""
    fake.guard.access = ("10.0.0.1",)
    with pytest.raises(ServiceRefused, match=r"127\.0\.0\.1 is not allowed") as refused:
        look(api(), spec())
    assert "API access list" in refused.value.do
    assert fake.guard.issued == 1, "a token is given to anybody with the credentials"


def test_a_missing_role_is_named(fake: Atlas, api: Made, spec: Spec) -> None:
    """The role that is missing stands in the sentence, and no new token is fetched for it."""
    fake.guard.roles = ("Project Read Only",)
    with pytest.raises(ServiceRefused, match="tell a backup schedule") as refused:
        look(api(), spec())
    assert "Project Backup Manager" in refused.value.do
    assert fake.guard.issued == 1


def _account(fake: Atlas, keep: Path) -> ServiceAccount:
    return ServiceAccount(fake.url, fake.guard.client_id, fake.guard.client_secret, keep)
