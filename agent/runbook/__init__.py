"""Runbook pages: read, checked against an inventory, previewed, run and resumed."""
