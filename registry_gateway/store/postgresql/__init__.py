"""The PostgreSQL side of the store: URLs, connections, SQL variants and errors."""
