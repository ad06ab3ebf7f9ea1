"""The gateway's log, its metrics, and the escaping of text from outside."""
