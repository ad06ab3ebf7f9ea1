"""Keys that come where none is asked for: somebody believes the dialect closed, and it is open."""

import logging

from registry_gateway.http.call import Call

log = logging.getLogger("registry_gateway.keys")


class Unasked:
    """Tells the log of it, once: a fleet registers thousands of times."""

    def __init__(self, setting: str) -> None:
        """Take the name of the setting that would close the dialect."""
        self._setting = setting
        self._told = False

    def notice(self, call: Call, header: bytes) -> None:
        """Look at a request that needs no key whether one came in `header`. The key itself is not shown."""
        if self._told or call.header(header) is None:
            return
        self._told = True
        client = call.scope.get("client")
        fields = {"client": client[0] if client else None, "request_id": call.request_id}
        log.warning("a key came as %s and none is asked for: set %s", header.decode(), self._setting, extra=fields)
