"""The bodies of the gateway's answers that its own client decodes too.

Importing them imports no server, no database and no HTTP library.
"""
