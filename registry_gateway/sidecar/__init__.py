"""`registry-gateway sidecar`: keeps a service registered that does not know how."""
