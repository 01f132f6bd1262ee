"""The address of MongoDB, read from AWS Secrets Manager where the environment names a secret there."""

from __future__ import annotations

import json
from collections.abc import Mapping


def read(env: Mapping[str, str]) -> str:
    """Return `MONGO_SECRET_NAME` (mongo_uri) of the JSON in the secret `MONGO_SECRET_ID`, as it is now.

    Region, endpoint and who we are come from AWS_REGION, AWS_ENDPOINT_URL and the host's own role.

    Raises:
        SystemExit: it cannot be read; the service cannot start, and says why in one line, without a value.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    secret, name = env["MONGO_SECRET_ID"], env.get("MONGO_SECRET_NAME") or "mongo_uri"
    patience = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 3})
    try:
        client = boto3.client("secretsmanager", region_name=env.get("AWS_REGION"), config=patience)
        # Without the stage a server may answer with the version that was written last.
        said = client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")
    except ClientError as error:
        raise SystemExit(f"chat: the secret {secret}: {error.response['Error']['Code']}.") from None
    except BotoCoreError as error:
        raise SystemExit(f"chat: the secret {secret} cannot be read: {type(error).__name__}.") from None
    try:
        uri = json.loads(said["SecretString"])[name]
    except (KeyError, TypeError, ValueError):
        raise SystemExit(f"chat: expected {name} in the JSON of the secret {secret}, found none.") from None
    return str(uri)
