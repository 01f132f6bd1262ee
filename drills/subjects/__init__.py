"""The systems a drill can write to and read back from outside, one file each."""
