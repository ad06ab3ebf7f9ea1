"""Look-up of host names for outgoing requests, in threads that delay neither other work nor the end of the process."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Sequence

from registry_gateway.core.destinations import Address

MOST_LOOKUPS = 64
"""Most look-ups at a time. One that the resolver does not answer ends after the resolver's own limit, some 10 seconds,
also when nothing waits for it any more.
"""


class NameLookup:
    """Looks up host names with the system's resolver."""

    def __init__(self) -> None:
        self._running = 0

    async def addresses(self, host: str) -> Sequence[Address]:
        """Return the addresses of a host, in the order in which to try them. The caller limits the time.

        Raises:
            OSError: The host has no address, or too many look-ups are running.
        """
        with contextlib.suppress(ValueError):
            return [ipaddress.ip_address(host)]
        if self._running >= MOST_LOOKUPS:
            raise OSError("too many host names are being looked up")
        loop = asyncio.get_running_loop()
        looked_up: asyncio.Future[Sequence[Address] | OSError] = loop.create_future()

        def finish(outcome: Sequence[Address] | OSError) -> None:
            self._running -= 1
            if not looked_up.done():  # else nothing waits for it any more
                looked_up.set_result(outcome)

        def work() -> None:
            outcome = _look_up(host)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(finish, outcome)

        # Not the loop's own threads: the process would wait for them at its end.
        self._running += 1
        threading.Thread(target=work, daemon=True).start()
        outcome = await looked_up
        if isinstance(outcome, OSError):
            raise outcome
        return outcome


def _look_up(host: str) -> Sequence[Address] | OSError:
    """Return the addresses of a host, or the reason why there are none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError:  # a label that is not valid in any name
        return OSError("it is not a host name")
    return [ipaddress.ip_address(str(address[0])) for *_, address in found]
