"""Backups: taken, listed, verified by the depth they passed, and chosen for a recovery with reasons."""
