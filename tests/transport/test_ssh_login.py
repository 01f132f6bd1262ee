"""Logging in to many hosts at once."""

from agent.inventory.model import Host
from agent.transport import ssh_login
from agent.transport.ssh_line import Patience


def test_connections_share_no_settings():
    """Fabric empties a Config for a moment as a Connection is made: nobody else may be reading it then."""
    first, second = (ssh_login._connection(Host(name), Patience()) for name in ("one", "two"))
    assert first.config is not second.config
    assert first.config.base_ssh_config is second.config.base_ssh_config
