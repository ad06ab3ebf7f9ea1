"""`registry-gateway sidecar`: keeps a service registered that has no client for a registry."""
