"""The check of a shared key that comes in a header of its own, as dialects without accounts have it."""

import logging

from registry_gateway.auth.service_keys import Keyring
from registry_gateway.core.model import ANONYMOUS, Actor
from registry_gateway.http.call import Call

log = logging.getLogger("registry_gateway.keys")


class MissingKey(Exception):
    """A key is needed, and the request has none."""


class WrongKey(Exception):
    """The key that came is not valid."""


class KeyCheck:
    """Tells who sends a request, by its key."""

    def __init__(self, header: str, setting: str, keyring: Keyring | None) -> None:
        """Look for a key of `keyring` (None: no key is needed) in `header`. `setting` has the keys."""
        self._header = header
        self._field = header.lower().encode()
        self._setting = setting
        self._keyring = keyring
        self._warned = False

    def authenticate(self, call: Call) -> Actor:
        """Return who sends the request: the holder of its key, or anybody where no key is needed.

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
        """Log a warning if the request has a key and none is needed: its sender believes that the dialect is closed.

        It is logged once: a fleet registers thousands of times. The key itself is not shown.
        """
        if self._keyring is not None or self._warned or call.header(self._field) is None:
            return
        self._warned = True
        client = call.scope.get("client")
        fields = {"client": client[0] if client else None, "request_id": call.request_id}
        text = "a key came as %s and none is asked for: set %s"
        log.warning(text, self._header.lower(), self._setting, extra=fields)
