"""The Admin API: backups and restores of one service over HTTP, as the command line does them."""
