"""What can be broken: one fault, one file, found by its name."""
