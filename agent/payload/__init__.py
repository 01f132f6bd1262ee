"""Programs we carry to a host and run there with its own python3: standard library only, nothing of ours."""
