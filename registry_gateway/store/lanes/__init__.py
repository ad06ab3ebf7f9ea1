"""How a transaction runs: on which connection, for how long, and what became of its COMMIT."""
