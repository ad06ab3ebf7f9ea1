"""Keys and tokens."""


def sendable(secret: str, name: str) -> str:
    """Return a secret without surrounding white space. `name` is what it is called in messages.

    Raises:
        ValueError: It can't be sent in a header. It is not repeated.
    """
    secret = secret.strip()
    if not (secret.isascii() and secret.isprintable() and secret):
        raise ValueError(f"{name} must be one line of ASCII, and not empty")
    return secret
