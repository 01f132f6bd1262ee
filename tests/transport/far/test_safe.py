"""An engine that is spoken to in the clear is refused, wherever on the way."""

import pytest

from agent.errors import Refused, Unreachable
from agent.transport.far.safe import in_the_clear, refuse_open


@pytest.mark.parametrize(
    ("address", "clear"),
    [
        ("tls://10.0.0.5:8786", False),
        ("tcp://127.0.0.1:8786", False),
        ("tcp://localhost:8786", False),
        ("tcp://[::1]:8786", False),
        ("inproc://10.0.0.5/1/2", False),
        ("tcp://10.0.0.5:8786", True),
        ("ws://10.0.0.5:80", True),
        ("tcp://0.0.0.0:8786", True),
    ],
)
def test_what_is_in_the_clear(address, clear):
    """TLS is not, nor what never leaves this machine; everything else is."""
    assert in_the_clear(address) == clear


def test_one_open_line_is_enough():
    """A scheduler on this machine whose worker is far away and without TLS is refused, with the way out."""
    with pytest.raises(Refused, match=r"tcp://10\.0\.0\.5:9000.*distributed\.comm\.tls.*--engine-insecure"):
        refuse_open(["tcp://127.0.0.1:8786", "tls://10.0.0.4:1", "tcp://10.0.0.5:9000"])
    refuse_open(["tcp://127.0.0.1:8786", "tls://10.0.0.4:1"])


def test_a_name_that_leads_nowhere():
    """It is said to lead nowhere, and not to be unsafe."""
    with pytest.raises(Unreachable, match="leads to no address"):
        refuse_open(["tcp://no-such-name.invalid:8786"])
