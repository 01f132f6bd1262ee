"""What survives our own crash: the journal of a run, the lock on a service, the audit of who did what."""
