"""Clients of a gateway for Python programs. Importing them imports no server and no database."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry_gateway.client.registration.registration import Registration

__all__ = ["Registration"]

_PLACES = {"Registration": "registry_gateway.client.registration.registration"}


def __getattr__(name: str) -> object:
    """Import a client when it is used first: who registers a service needs nothing of the catalogue."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_PLACES[name]), name)
    return found
