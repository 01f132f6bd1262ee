"""What a build behind a proxy is handed: this machine's own authorities, and nobody else's."""

from pathlib import Path

import certifi

from setup.authorities import extra

OURS = "-----BEGIN CERTIFICATE-----\nb3Vycw==\n-----END CERTIFICATE-----"


def test_only_what_is_not_everybodys_is_extra(tmp_path: Path) -> None:
    """Of a bundle that holds everybody's authorities and one of ours, ours is returned."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(Path(certifi.where()).read_text() + OURS)
    assert extra({"PIP_CERT": str(bundle)}) == OURS


def test_a_laptop_has_none(tmp_path: Path) -> None:
    """No bundle named, one that is not there, and everybody's: nothing is handed over."""
    assert extra({}) == ""
    assert extra({"SSL_CERT_FILE": str(tmp_path / "gone")}) == ""
    assert extra({"SSL_CERT_FILE": certifi.where()}) == ""
