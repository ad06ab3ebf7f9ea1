"""Long trials of a running gateway: `make torture`. They are not part of `make test`."""
