"""A gateway in a thread of this process, for tests of what speaks to one.

A process takes twenty times as long to start. The gateway listens on loopback, on the machine's clock. Signals, workers
and what `serve` prints need a process.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import uvicorn

from registry_gateway import adapter, settings
from registry_gateway.app import create_app
from registry_gateway.http.protocol import Connection
from tests.e2e.polling import wait_until

PATIENCE = 20.0
"""Seconds in which it has to answer, and to end."""


class LocalGateway(NamedTuple):
    """A gateway: its URL, and a client of it without proxies."""

    url: str
    http: httpx.Client


class _Tracebacks(logging.Handler):
    """The log records that have a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's text."""
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))


@contextmanager
def local_gateway(database_url: str, **environment: str) -> Iterator[LocalGateway]:
    """Serve the registry of a migrated database, with more settings, while the context is open.

    It must end in time, and log no traceback.
    """
    adapters = adapter.installed()
    loaded = settings.load(adapters, {"REGISTRY_GATEWAY_DATABASE_URL": database_url, **environment})
    config = uvicorn.Config(
        create_app(loaded, adapters), http=Connection, lifespan="on", ws="none", log_config=None, proxy_headers=False
    )
    server = uvicorn.Server(config)
    tracebacks = _Tracebacks()
    logging.getLogger().addHandler(tracebacks)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive(), "the gateway has started")
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=url, verify=False, trust_env=False, timeout=PATIENCE) as client:
                yield LocalGateway(url, client)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            logging.getLogger().removeHandler(tracebacks)
    assert not thread.is_alive(), "the gateway does not end"
    assert not tracebacks.found, tracebacks.found
