"""The secret of AWS Secrets Manager that a service's application reads, as the inventory describes it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.errors import BadInventory
from agent.providers.program import Program
from agent.secrets import Secret

if TYPE_CHECKING:
    # Not for the program of the tools host, which would read an inventory's world for nothing.
    from agent.inventory.model import Service

VALUE = "DRILLYARD_AWS_VALUE"
ACCESS = "DRILLYARD_AWS_SECRET_ACCESS"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_SECRET = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,2048}")
_HERE = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")


@dataclass(frozen=True)
class Aws:
    """One secret by its name or ARN, its region, and who we are to AWS.

    Without `access` we are whoever the tools host is to AWS: its role, its environment, or `profile`.
    `endpoint` is another place to ask than AWS's own ("" = AWS's).
    """

    host: str
    secret: str
    region: str
    endpoint: str = ""
    profile: str = ""
    access_id: str = ""
    access: Secret | None = None
    python: str = field(default=sys.executable)

    @classmethod
    def of(cls, service: Service) -> Aws:
        """Read the settings of an inventory's service.

        Raises:
            BadInventory: something is missing, written out, or not what AWS takes.
        """
        found = cls(
            host=service.host,
            secret=_matching(service, "aws_secret_id", _SECRET, "the name or ARN of a secret"),
            region=_matching(service, "aws_region", _REGION, "a region, such as ap-northeast-2"),
            endpoint=_endpoint(service),
            profile=service.text("aws_profile", ""),
            access_id=service.text("aws_access_key_id", ""),
            access=service.secret("aws_secret_access_key"),
            python=service.text("python", sys.executable),
        )
        if bool(found.access_id) != bool(found.access):
            raise BadInventory(
                f"{service.at}: {service.host} should have both aws_access_key_id and "
                "aws_secret_access_key, or neither, found one.",
                do="With neither, the tools host's own role is used, which is better.",
            )
        return found

    @property
    def program(self) -> Program:
        """The program that speaks to AWS, on the tools host."""
        return Program("agent.providers.aws", self.python, self.host, "aws")

    @property
    def secrets(self) -> dict[str, Secret]:
        """What the program needs to know that must not stand anywhere."""
        return {ACCESS: self.access} if self.access else {}

    def value(self, service: Service, setting: str) -> dict[str, Secret]:
        """Return the secret that the service's setting refers to, as the value that is meant.

        Raises:
            BadInventory: there is no such setting.
        """
        found = service.secret(setting)
        if found is None:
            raise BadInventory(
                f"{service.at}: {service.host} serves {service.system} without the setting {setting!r}, "
                "which the application is to be switched to.",
                do=f"Add {setting}: !file PATH.",
            )
        return {VALUE: found}

    def said(self, name: str) -> str:
        """Return what a value of the secret is called in a sentence."""
        return f"{name} in the AWS secret {self.secret}" if name else f"the AWS secret {self.secret}"

    def spec(self, **more: Any) -> dict[str, Any]:
        """Return what every verb of the program is told, with `more`."""
        return {
            "secret": self.secret,
            "region": self.region,
            "endpoint": self.endpoint,
            "profile": self.profile,
            "access_id": self.access_id,
            **more,
        }


def _endpoint(service: Service) -> str:
    endpoint = service.text("aws_endpoint", "").rstrip("/")
    if endpoint and not _HERE.fullmatch(endpoint) and not re.fullmatch(r"https://[^/?#@]+", endpoint):
        raise _wrong(service, "aws_endpoint", "https://... without a path: the value is sent there")
    return endpoint


def _matching(service: Service, key: str, shape: re.Pattern[str], what: str) -> str:
    text = service.text(key)
    if not shape.fullmatch(text):
        raise _wrong(service, key, what)
    return text


def _wrong(service: Service, key: str, expected: str) -> BadInventory:
    return BadInventory(f"{service.at}: {key} of {service.system} on {service.host} should be {expected}.")
