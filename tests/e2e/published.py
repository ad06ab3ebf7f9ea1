"""The published versions of the clients: those that the tests keep, and all that `make test-clients` runs."""

from collections.abc import Sequence
from functools import partial

from tests.e2e import chap_service, runspec_agent
from tests.e2e.clients import ClientEnvironment
from tests.e2e.registrant import Kind

KEEPALIVE = 1.0
"""Seconds between two heartbeats of each client here."""

SERVICEKIT_PYTHON = "3.13"
"""What servicekit and chapkit require."""


def _slug(client: str, version: str) -> str:
    return f"{client}-{version.replace('.', '-')}"


def servicekit(version: str) -> Kind:
    """A plain service of that version."""
    environment = ClientEnvironment(f"servicekit-{version}", (f"servicekit=={version}",), SERVICEKIT_PYTHON)
    return Kind(
        _slug("servicekit", version),
        environment,
        partial(chap_service.launch, flavour="servicekit", keepalive=KEEPALIVE),
    )


def chapkit(version: str, beside: str, *also: str) -> Kind:
    """A model of that version, with the servicekit that was the newest when it was published, and `also` these."""
    environment = ClientEnvironment(
        f"chapkit-{version}", (f"servicekit=={beside}", f"chapkit=={version}", *also), SERVICEKIT_PYTHON
    )
    return Kind(
        _slug("chapkit", version), environment, partial(chap_service.launch, flavour="chapkit", keepalive=KEEPALIVE)
    )


def runspec(version: str) -> Kind:
    """An agent of that version."""
    environment = ClientEnvironment(f"runspec-{version}", (f"runspec=={version}",))
    return Kind(_slug("runspec", version), environment, partial(runspec_agent.launch, heartbeat_data=[]))


ALL: Sequence[Kind] = (
    *map(servicekit, ("0.8.1", "0.8.2", "0.9.0", "0.12.1", "1.0.1", "2.0.3", "3.0.1")),
    chapkit("0.16.8", "0.8.2"),
    chapkit("0.18.0", "0.10.0"),
    chapkit("0.20.0", "0.10.0"),
    chapkit("0.25.0", "0.10.0"),
    chapkit("0.29.0", "1.0.0"),
    chapkit("1.1.1", "1.0.1"),
    chapkit("2.0.1", "2.0.2"),
    chapkit("2.1.3", "2.0.3"),
    chapkit("2.2.0", "3.0.0", "sqlalchemy<2.1"),  # warns of a newer one, which its OpenTelemetry does not know
    chapkit("2.4.1", "3.0.1"),
    *map(runspec, ("0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "0.8.1", "0.8.2", "0.8.4", "0.8.5", "0.8.8")),
)
"""Every version that is tried. runspec's HTTP client is the same in all of them."""

_KEPT = {
    "servicekit-0.8.1",  # the first that registers with an id
    "servicekit-0.9.0",  # the first that tries to register again after a 404
    "servicekit-1.0.1",  # the last that loses its id then
    "servicekit-2.0.3",  # registers again after a 404, 30 seconds later
    "servicekit-3.0.1",
    "chapkit-0.16.8",
    "chapkit-1.1.1",  # the last with such a servicekit
    "chapkit-2.0.1",
    "chapkit-2.4.1",
    "runspec-0.4.0",
    "runspec-0.8.8",
}

KEPT: Sequence[Kind] = tuple(kind for kind in ALL if kind.environment.name in _KEPT)
"""The first, the last and the turning points of each client."""
