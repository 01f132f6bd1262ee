"""The only room with a door to other machines: what can be asked, and the roads that carry it there."""

from agent.transport.choose import Roads, open_road

__all__ = ["Roads", "open_road"]
