"""The registry as commands use it: by its database, or by the URL of a gateway."""
