"""The SQLite side of the store: the file, connections, SQL variants and errors."""
