"""Requests and responses: the connection, the routing of paths, bodies, and the errors that dialects share."""
