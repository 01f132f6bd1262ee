"""The certificate authorities this machine trusts beyond everybody's: a build behind a proxy needs them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_DEBIANS = Path("/usr/share/ca-certificates/mozilla")
_NAMED_BY = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_MOST = 100_000  # bytes; one word of a command line may have 128 KiB


def extra(environment: Mapping[str, str] | None = None) -> str:
    """Return what the bundle named in the environment has and neither certifi nor Debian has, as PEM text.

    Empty where no bundle is named. Goes into a build as `EXTRA_CA`, whose Dockerfile adds it in a stage of
    its own, so that no image carries it.
    """
    import certifi

    environment = os.environ if environment is None else environment
    bundle = next((environment[name] for name in _NAMED_BY if environment.get(name)), "")
    if not bundle or not Path(bundle).is_file():
        return ""
    usual = set(_certificates(Path(certifi.where())))
    for file in _DEBIANS.glob("*.crt") if _DEBIANS.is_dir() else ():
        usual |= set(_certificates(file))
    text = "\n".join(pem for body, pem in _certificates(Path(bundle)).items() if body not in usual)
    return text if len(text) < _MOST else ""


def _certificates(file: Path) -> dict[str, str]:
    """Return a file's certificates, by their body without white space."""
    return {re.sub(r"\s", "", pem): pem for pem in _BLOCK.findall(file.read_text(errors="replace"))}
