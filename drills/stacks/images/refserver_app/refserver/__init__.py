"""The sample RefServer: PDFs, their metadata in SQLite, their vectors in Chroma."""
