"""Data that rests in files of a host: SQLite, Chroma and plain files, copied, checked and put back as one."""
