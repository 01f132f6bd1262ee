"""Which variable wins: Ansible's order, from the group all down to the host itself."""

from __future__ import annotations

from agent.errors import BadInventory
from agent.inventory.draft import Draft, Layer, Value, type_name
from agent.inventory.vars_files import VarsFiles

PRIORITY = "ansible_group_priority"


def layers_by_host(draft: Draft, files: VarsFiles) -> dict[str, list[Layer]]:
    """Return the layers of variables of every host, the weakest first.

    The order is that of Ansible's VARIABLE_PRECEDENCE: variables in the inventory's file of `all`, then of
    the other groups; then group_vars/all; then group_vars of the other groups; then the host's in the
    inventory's file; then host_vars. Among groups the parent is weaker than its child; at the same depth
    the lower `ansible_group_priority` is weaker, then the name that comes first.
    """
    depth = draft.depths()
    order = sorted(draft.groups, key=lambda name: (depth[name], _priority(draft, name), name))
    inline = [(name, _without_priority(draft.groups[name].vars)) for name in order]
    beside = [(name, files.of_group(name)) for name in order]
    members = {name: frozenset(hosts) for name, hosts in draft.members().items()}
    every = [each for each in (*inline, *beside) if each[1]]
    return {
        host: [
            *(found for name, found in every if host in members[name]),
            draft.hosts[host].vars,
            files.of_host(host),
        ]
        for host in draft.hosts
    }


def merged(layers: list[Layer]) -> Layer:
    """Return the winning value of every variable; a mapping replaces a mapping, as in Ansible."""
    result: Layer = {}
    for found in layers:
        result |= found
    return result


def _priority(draft: Draft, name: str) -> int:
    value: Value | None = draft.groups[name].vars.get(PRIORITY)
    if value is None:
        return 1
    try:
        return int(str(value.data)[:9])
    except ValueError:
        raise BadInventory(
            f"{value.at()}: {PRIORITY} should be a whole number, found {type_name(value.data)}."
        ) from None


def _without_priority(found: Layer) -> Layer:
    return {name: value for name, value in found.items() if name != PRIORITY}
