"""`registry-gateway services`."""
