"""Not there yet."""

import msgspec

from registry_gateway.adapter import Adapter, Mount
from registry_gateway.exchange import Answer
from registry_gateway.lease import LeasePolicy


class NoSettings(msgspec.Struct, frozen=True):
    """None yet."""


adapter = Adapter(
    name="runspec",
    segments=frozenset({"tools", "hosts", "export", "instances"}),
    settings=NoSettings,
    policy=lambda core, own: LeasePolicy(late_renewal="revive", retention=None),
    mount=lambda core, own: Mount([], lambda error, scope: Answer(404)),
    welcome=lambda url, own: (),
)
