"""The rig of a drill: the stack it breaks, and everything that watches from outside."""
