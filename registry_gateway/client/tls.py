"""The TLS of HTTP clients: which certificate authorities they trust."""

import functools
import os
import ssl

import httpx

Verify = ssl.SSLContext | str | os.PathLike[str] | None
"""Which certificates are trusted: a context, or a file with those of authorities. None: as `client_tls` does."""


def client_tls() -> ssl.SSLContext:
    """Return the TLS context that the HTTP clients of this process share.

    It trusts the authorities in SSL_CERT_FILE or SSL_CERT_DIR, or else those of certifi. It is shared because reading
    the authorities takes some 20 ms of processor time.
    """
    return _of_variables(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _of_variables(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()  # which reads these variables


def trusted(verify: Verify, url: str) -> ssl.SSLContext:
    """Return the context for requests to `url`.

    Raises:
        ValueError: The file of certificates can't be used.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify is None:
        # Without TLS the certificates of all authorities would only take memory: 2 MB.
        return client_tls() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=os.fspath(verify))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ValueError(f"can't read certificates from {os.fspath(verify)}: {error}") from None
