"""Clients of a gateway for Python programs. Importing them imports no server and no database."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry_gateway.client.async_catalogue import AsyncCatalogue
    from registry_gateway.client.catalogue import Catalogue
    from registry_gateway.client.errors import (
        Forbidden,
        GatewayError,
        Invalid,
        NoGateway,
        NotFound,
        NotKept,
        NotReached,
        NotReady,
        Refused,
        Unauthorized,
        UnexpectedAnswer,
        Unreachable,
    )
    from registry_gateway.client.registration.registration import Registration
    from registry_gateway.client.services import Change, PastService, Service
    from registry_gateway.client.watch import Snapshot

__all__ = [
    "AsyncCatalogue",
    "Catalogue",
    "Change",
    "Forbidden",
    "GatewayError",
    "Invalid",
    "NoGateway",
    "NotFound",
    "NotKept",
    "NotReached",
    "NotReady",
    "PastService",
    "Refused",
    "Registration",
    "Service",
    "Snapshot",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
]

_PLACES = {
    "AsyncCatalogue": "async_catalogue",
    "Catalogue": "catalogue",
    "Change": "services",
    "PastService": "services",
    "Registration": "registration.registration",
    "Service": "services",
    "Snapshot": "watch",
}
"""The module of each name; that of the others is `errors`."""


def __getattr__(name: str) -> object:
    """Import a client when it is first used: a program that registers a service does not need the catalogue's."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_PLACES.get(name, 'errors')}"), name)
    return found
