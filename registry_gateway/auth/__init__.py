"""Credentials: accounts and their tokens, shared service keys, and the check of a bearer token."""
