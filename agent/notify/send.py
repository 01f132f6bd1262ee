"""Send one message to one contact along one channel; what goes wrong comes back as a sentence."""

from __future__ import annotations

import importlib

from agent.errors import DrillyardError
from agent.notify.escalation import Call
from agent.notify.ladder import Ladder
from agent.notify.message import Situation, message_for
from agent.secrets import mask


def send(ladder: Ladder, call: Call, situation: Situation) -> str:
    """Send it, and return an empty text; or return why it was not sent, without a secret in it."""
    contact, channel = ladder.contacts[call.contact], ladder.channels[call.channel]
    message = message_for(situation, contact.language or None, by_hand(ladder, call.level))
    try:
        importlib.import_module(f"agent.notify.{channel.kind}").send(
            channel.settings, contact.by[call.channel], message
        )
    except (OSError, DrillyardError) as error:
        return mask(f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - nothing that is wrong with a message may touch the recovery
        return mask(f"{type(error).__name__}: {error}")
    return ""


def by_hand(ladder: Ladder, level: float) -> list[str]:
    """Return those of a level whom no channel reaches, as `dba (+82 2 000 0000)`."""
    return [
        f"{name} ({ladder.contacts[name].by_hand})"
        for each in ladder.levels
        if each.start == level
        for name in each.tell
        if not ladder.contacts[name].by
    ]
