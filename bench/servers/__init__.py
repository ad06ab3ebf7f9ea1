"""The servers that are measured: the bare callable, this gateway with its databases, and the peer."""
