"""What plays somebody else's service in a drill or a test: each says SIMULATED of itself, for the verdict."""
