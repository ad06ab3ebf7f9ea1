"""The watch: what to request, what its messages mean, and when to connect again. No input or output."""

import logging
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from httpx_sse import ServerSentEvent

from registry_gateway.client.answers import decoded
from registry_gateway.client.attempts import Attempts, Pauses
from registry_gateway.client.errors import GatewayError, NoGateway, NotKept, Unreachable
from registry_gateway.client.filters import encoded
from registry_gateway.client.gateway import Gateway
from registry_gateway.client.services import Change, Service

FIRST_PAUSE = 1.0
"""Seconds of the first pause after a watch broke, before jitter."""

T = TypeVar("T")

log = logging.getLogger("registry_gateway.client")


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The services at the start of a watch.

    `missed` is true if the watch had to start over: the gateway no longer has all events since the last change, so some
    changes were not received.
    """

    services: list[Service]
    missed: bool


News = Snapshot | Change
"""What a watch yields."""


class Watch:
    """A watch over any number of connections.

    Before the first one is ready, failures are repeated for the time for which reads are; after that without end.
    """

    def __init__(self, gateway: Gateway, filters: Mapping[str, object]) -> None:
        self._name = gateway.name
        self._path = f"events?{encoded(filters)}"
        self._pauses = Pauses(FIRST_PAUSE)
        self._attempts: Attempts | None = Attempts(gateway.retry_for, self._pauses)
        self._last: str | None = None
        self._missed = False
        self._interrupted = False
        self._services: list[Service] = []

    def request(self) -> tuple[str, dict[str, str]]:
        """Return the path and headers of the next connection."""
        self._services = []
        return self._path, {} if self._last is None else {"Last-Event-ID": self._last}

    def received(self, message: ServerSentEvent) -> News | None:
        """Return the snapshot or change that a message completes; None if it completes none.

        Raises:
            UnexpectedAnswer: It can't be read.
        """
        news: News | None = None
        match message.event:
            case "service":
                self._services.append(self._decoded(message, Service))
                return None
            case "ready":
                self._ready()
                if self._last is None:
                    news = Snapshot(services=self._services, missed=self._missed)
            case "change":
                news = self._decoded(message, Change)
        self._last = message.id or self._last
        return news

    def _ready(self) -> None:
        if self._interrupted:
            log.info("the watch of %s is connected again", self._name)
        self._interrupted = False
        self._attempts = None
        self._pauses.restart()

    def _decoded(self, message: ServerSentEvent, kind: type[T]) -> T:
        return decoded(message.data.encode(), kind, self._name)

    def ended(self) -> GatewayError:
        """Return the error for a connection that the gateway ended, as it does when it stops."""
        return Unreachable(f"{self._name} ended the watch")

    def pause(self, error: GatewayError) -> float:
        """Return the seconds to wait before the next connection.

        Raises:
            GatewayError: `error`: a repetition would not help, or the gateway was never reached in time.
        """
        if isinstance(error, NotKept) and self._last is not None:
            log.warning("the watch starts over: %s", error)
            self._last, self._missed = None, True
            return 0.0
        if self._attempts is not None:
            return self._attempts.pause(error)
        if not error.passing and not isinstance(error, NoGateway):
            raise error
        seconds = self._pauses.next(error.retry_after)
        self._interrupted = True
        log.warning("the watch is interrupted: %s (next attempt in %.1f s)", error, seconds)
        return seconds
