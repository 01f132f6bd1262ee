def backup(c): return 0
