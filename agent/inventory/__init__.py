"""The user's world as frozen values: hosts, groups, what each host serves, and where that is written."""

from agent.inventory.model import Host, Inventory, Service, Where
from agent.inventory.patterns import match
from agent.inventory.read import read_inventory

__all__ = ["Host", "Inventory", "Service", "Where", "match", "read_inventory"]
