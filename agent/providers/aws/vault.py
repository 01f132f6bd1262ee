"""One secret in AWS Secrets Manager: its versions, their labels and texts, and AWS's refusals in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from agent.errors import (
    BadInventory,
    DrillyardError,
    NotFound,
    NotInTime,
    ServiceRefused,
    StepFailed,
    Unreachable,
)
from agent.secrets import never_show

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
_PATIENCE = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 6})
_DENIED = (
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "ExpiredTokenException",
)
_BUSY = ("ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "InternalServiceError")
_KINDS: dict[str, type[DrillyardError]] = {
    "ResourceNotFoundException": NotFound,
    **dict.fromkeys(_DENIED, ServiceRefused),
    **dict.fromkeys(_BUSY, NotInTime),
}
_DO: dict[type[DrillyardError], str] = {
    NotFound: "See that the name and the region are right.",
    ServiceRefused: "The tools host's role needs secretsmanager: DescribeSecret, GetSecretValue, "
    "UpdateSecret and UpdateSecretVersionStage on it, and kms: Decrypt and GenerateDataKey where it has a "
    "key of its own.",
    NotInTime: "Resume later: what was done already is not done twice.",
}


@dataclass(frozen=True)
class Vault:
    """The secret `name`, asked through `client`."""

    name: str
    client: Any

    @classmethod
    def opened(cls, spec: dict[str, Any], access: str) -> Vault:
        """Return the secret that the spec names; without `access` we are whoever the host is."""
        try:
            session = boto3.Session(
                region_name=spec["region"],
                profile_name=spec["profile"] or None,
                aws_access_key_id=spec["access_id"] or None,
                aws_secret_access_key=access or None,
            )
            client = session.client("secretsmanager", endpoint_url=spec["endpoint"] or None, config=_PATIENCE)
        except (exceptions.BotoCoreError, ValueError) as error:
            raise BadInventory(f"AWS cannot be asked as the inventory says: {error}.") from None
        return cls(spec["secret"], client)

    def labels(self) -> dict[str, str]:
        """Return the version under each label."""
        with self._words("describe"):
            said = self.client.describe_secret(SecretId=self.name)
        return {
            label: version
            for version, labels in (said.get("VersionIdsToStages") or {}).items()
            for label in labels
        }

    def read(self, version: str) -> str:
        """Return the text of a version, masked from now on.

        Raises:
            StepFailed: it is not text.
        """
        with self._words("read"):
            said = self.client.get_secret_value(SecretId=self.name, VersionId=version)
        text = said.get("SecretString")
        if not isinstance(text, str):
            raise StepFailed(f"Expected text in the AWS secret {self.name}, found bytes.")
        never_show(text)
        return text

    def write(self, text: str) -> str:
        """Have the secret say `text`, and return the version of that."""
        never_show(text)
        with self._words("update"):
            said = self.client.update_secret(SecretId=self.name, SecretString=text)
        return str(said["VersionId"])

    def label(self, label: str, version: str, away_from: str = "") -> None:
        """Put a label on a version, and take it off another."""
        off = {"RemoveFromVersionId": away_from} if away_from else {}
        with self._words("label a version of"):
            self.client.update_secret_version_stage(
                SecretId=self.name, VersionStage=label, MoveToVersionId=version, **off
            )

    @contextmanager
    def _words(self, what: str) -> Iterator[None]:
        """Raise AWS's errors as ours. None of boto3's holds a value that was sent."""
        try:
            yield
        except exceptions.ClientError as error:
            said = error.response.get("Error", {})
            code = str(said.get("Code", ""))
            kind = _KINDS.get(code, StepFailed)
            raise kind(
                f"AWS was asked to {what} the secret {self.name} and refused ({code}): "
                f"{str(said.get('Message', '')).rstrip('.')}.",
                do=_DO.get(kind, ""),
            ) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
            raise ServiceRefused(
                "AWS is not told who we are.", do="Give the tools host a role, or write aws_profile."
            ) from None
        except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
            raise Unreachable(
                f"AWS could not be asked to {what} the secret {self.name}: {type(error).__name__}.",
                do="See that the tools host reaches Secrets Manager in that region (VPC endpoint, proxy).",
            ) from None
        except exceptions.BotoCoreError as error:
            raise StepFailed(
                f"AWS was asked to {what} the secret {self.name}: {type(error).__name__}."
            ) from None
