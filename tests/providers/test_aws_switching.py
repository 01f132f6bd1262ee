"""A value of a secret is switched and switched back, on moto's server (SIMULATED: it is not AWS)."""

from __future__ import annotations

import json

import pytest

from agent.errors import NotFound, Refused, StepFailed, Unreachable
from agent.providers.aws.switching import BEFORE, back, look, switch
from agent.providers.aws.vault import Vault
from tests.secrets_manager import ACCESS, NEW, OLD, Manager, value


def test_one_value_is_switched_and_the_others_stay(manager: Manager) -> None:
    """Where the playbook's command would leave the address alone in it."""
    vault = manager.made()
    done = switch(vault, "mongo_uri", NEW)
    assert value(vault) == {"mongo_uri": NEW, "user": "chat", "password": "another-password-3"}
    assert value(vault, BEFORE)["mongo_uri"] == OLD
    assert (done.changed, done.kept) == (True, vault.labels()[BEFORE])


def test_switched_twice_is_switched_once(manager: Manager) -> None:
    """Asked again nothing is written, so that what is kept is still what was before."""
    vault = manager.made()
    first = switch(vault, "mongo_uri", NEW)
    again = switch(vault, "mongo_uri", NEW)
    assert (again.changed, again.kept) == (False, first.kept)
    assert value(vault, BEFORE)["mongo_uri"] == OLD
    assert look(vault, "mongo_uri", NEW).same
    assert not look(vault, "mongo_uri", OLD).same


def test_back_is_what_was_before(manager: Manager) -> None:
    """The address of before, and a second time nothing happens."""
    vault = manager.made()
    before = value(vault)
    switch(vault, "mongo_uri", NEW)
    assert back(vault, "mongo_uri").changed
    assert value(vault) == before
    assert not back(vault, "mongo_uri").changed
    assert value(vault)["mongo_uri"] == OLD


def test_back_keeps_what_others_wrote_since(manager: Manager) -> None:
    """A password was rotated after the switch: the address goes back, the new password stays."""
    vault = manager.made()
    switch(vault, "mongo_uri", NEW)
    rotated = {**value(vault), "password": "rotated-password-4"}
    vault.client.update_secret(SecretId=vault.name, SecretString=json.dumps(rotated))
    assert back(vault, "mongo_uri").changed
    assert value(vault) == {"mongo_uri": OLD, "user": "chat", "password": "rotated-password-4"}
    assert not back(vault, "mongo_uri").changed


def test_to_and_fro(manager: Manager) -> None:
    """Switched, back, and switched to a third: what is kept is always what was just before."""
    vault = manager.made()
    switch(vault, "mongo_uri", NEW)
    back(vault, "mongo_uri")
    switch(vault, "mongo_uri", "mongodb://third/chatdb")
    assert value(vault, BEFORE)["mongo_uri"] == OLD
    switch(vault, "mongo_uri", NEW)
    assert value(vault, BEFORE)["mongo_uri"] == "mongodb://third/chatdb"


def test_a_value_that_was_not_there_is_gone_again(manager: Manager) -> None:
    """The secret gets the name by the switch, and loses it on the way back."""
    vault = manager.made('{"user": "chat"}')
    switch(vault, "mongo_uri", NEW)
    vault.client.update_secret(SecretId=vault.name, SecretString=json.dumps({**value(vault), "more": "x"}))
    back(vault, "mongo_uri")
    assert value(vault) == {"user": "chat", "more": "x"}


def test_a_secret_that_is_the_address_as_a_whole(manager: Manager) -> None:
    """Without a name the whole text is the value."""
    vault = manager.made(OLD)
    switch(vault, "", NEW)
    assert value(vault) == NEW
    back(vault, "")
    assert value(vault) == OLD


class Dying(Vault):
    """A vault whose program is killed before, or after, it writes."""

    def write(self, text: str) -> str:
        """Be killed."""
        raise KeyboardInterrupt


def test_killed_between_the_label_and_the_writing(manager: Manager) -> None:
    """Done again it is switched, and the one that is kept is still the right one."""
    vault = manager.made()
    with pytest.raises(KeyboardInterrupt):
        switch(Dying(vault.name, vault.client), "mongo_uri", NEW)
    assert value(vault)["mongo_uri"] == OLD
    assert switch(vault, "mongo_uri", NEW).changed
    assert value(vault, BEFORE)["mongo_uri"] == OLD


class Hurried(Vault):
    """A vault that somebody else writes to in the moment before we do."""

    def write(self, text: str) -> str:
        """Write after somebody else."""
        self.client.update_secret(SecretId=self.name, SecretString='{"mongo_uri": "theirs"}')
        return super().write(text)


def test_somebody_else_in_the_same_moment_is_said(manager: Manager) -> None:
    """AWS has no writing on a condition, so what was written over is named; nothing is lost unseen."""
    vault = manager.made()
    with pytest.raises(Refused, match="in the same moment") as refused:
        switch(Hurried(vault.name, vault.client), "mongo_uri", NEW)
    assert vault.labels()["AWSPREVIOUS"] in str(refused.value)
    assert value(vault, "AWSPREVIOUS")["mongo_uri"] == "theirs"


def test_nothing_kept_nothing_to_go_back_to(manager: Manager) -> None:
    """Never switched by us: said, and nothing is changed."""
    vault = manager.made()
    with pytest.raises(NotFound, match=BEFORE):
        back(vault, "mongo_uri")
    assert value(vault)["mongo_uri"] == OLD


def test_what_is_no_object_is_said_and_not_shown(manager: Manager) -> None:
    """A secret that is a bare text is not replaced by an object."""
    vault = manager.made(OLD)
    with pytest.raises(StepFailed, match="Expected a JSON object") as failed:
        switch(vault, "mongo_uri", NEW)
    assert "old-password-1" not in str(failed.value)
    assert value(vault) == OLD


def test_bytes_are_said(manager: Manager) -> None:
    """A secret of bytes is none that an address is in."""
    vault = manager.vault()
    vault.client.create_secret(Name=vault.name, SecretBinary=b"\0\1")
    with pytest.raises(StepFailed, match="found bytes"):
        switch(vault, "mongo_uri", NEW)


def test_a_secret_that_is_not_there(manager: Manager) -> None:
    """Its name and what to look at."""
    with pytest.raises(NotFound, match=r"chat-app/database-.*ResourceNotFoundException") as missing:
        switch(manager.vault(), "mongo_uri", NEW)
    assert "region" in missing.value.do


def test_nobody_there(manager: Manager) -> None:
    """No answer at all is unreachable."""
    vault = Vault.opened({**manager.spec("x"), "endpoint": "http://127.0.0.1:1"}, ACCESS)
    vault.client.meta.config.retries["total_max_attempts"] = 1
    with pytest.raises(Unreachable, match="could not be asked to describe the secret x"):
        look(vault, "mongo_uri", NEW)
