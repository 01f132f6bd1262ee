"""Roads that begin on another machine: the controller asks, a worker near the host holds the road."""
