"""How every service of an inventory is: up, answering, sound, backed up; in words and a code."""
