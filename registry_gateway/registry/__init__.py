"""The operations of the registry over the store: shared transactions for commands, reads, the event feed, outages."""
