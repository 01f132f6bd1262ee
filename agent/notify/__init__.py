"""Who is told of a run, when, and along which channel: the only door to people."""
