"""The only room with a door to other machines: what can be asked, and the roads that carry it there."""
