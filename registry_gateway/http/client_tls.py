"""The TLS of HTTP clients: which certificate authorities they trust."""

import functools
import os
import ssl

import httpx


def client_tls() -> ssl.SSLContext:
    """Return the TLS context of all HTTP clients of this process.

    It trusts the authorities of certifi, or those in SSL_CERT_FILE or SSL_CERT_DIR. Clients share it because reading
    the authorities takes some 20 ms of processor time.
    """
    return _of_variables(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _of_variables(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()  # which reads these variables
