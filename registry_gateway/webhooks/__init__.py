"""Webhooks: messages about events to the URLs that administrators name."""
