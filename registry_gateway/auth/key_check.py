"""The check of a shared key in a header, for dialects without accounts."""

import logging

from registry_gateway.auth.service_keys import Keyring
from registry_gateway.core.model import ANONYMOUS, Actor
from registry_gateway.http.call import Call

log = logging.getLogger("registry_gateway.keys")


class MissingKey(Exception):
    """A key is required, and the request has none."""


class WrongKey(Exception):
    """The request's key is not valid."""


class KeyCheck:
    """Authenticates requests by their key."""

    def __init__(self, header: str, setting: str, keyring: Keyring | None) -> None:
        """Accept the keys of `keyring` (None: no key is required) in `header`. `setting` is named in warnings."""
        self._header = header
        self._field = header.lower().encode()
        self._setting = setting
        self._keyring = keyring
        self._warned = False

    def authenticate(self, call: Call) -> Actor:
        """Return the holder of the request's key, or `ANONYMOUS` if no key is required.

        Raises:
            MissingKey: It has no key.
            WrongKey: Its key is not valid.
        """
        if self._keyring is None:
            return call.actor(ANONYMOUS)
        given = call.header(self._field)
        if given is None:
            raise MissingKey(f"{self._header} is missing")
        holder = self._keyring.holder(given)
        if holder is None:
            raise WrongKey(f"{self._header} is not valid")
        return call.actor(holder)

    def warn_if_unneeded(self, call: Call) -> None:
        """Log a warning, once, if the request has a key and none is required. The key is not shown.

        Such a client was configured for a gateway that requires keys.
        """
        if self._keyring is not None or self._warned or call.header(self._field) is None:
            return
        self._warned = True
        client = call.scope.get("client")
        fields = {"client": client[0] if client else None, "request_id": call.request_id}
        text = "a client sent a key as %s, but the gateway requires none: set %s"
        log.warning(text, self._header.lower(), self._setting, extra=fields)
