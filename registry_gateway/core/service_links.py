"""Variables that Kubernetes and Docker set for a service or container whose name begins like the gateway's settings.

For a Service called `registry-gateway`, the kubelet gives every container of the namespace `REGISTRY_GATEWAY_PORT`,
`REGISTRY_GATEWAY_SERVICE_HOST` and more; Docker's links do the same with other endings. They are no settings.
Sources: https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables,
https://docs.docker.com/engine/network/links/#environment-variables.
"""

import re

_URL = r"(?:tcp|udp|sctp)://\S+:[0-9]+"
_NUMBER = r"[0-9]+"
_ADDRESS = r"[0-9A-Fa-f:.]+"
_PROTOCOL = r"tcp|udp|sctp"
_FORMS = (
    (r"SERVICE_HOST", _ADDRESS),
    (r"SERVICE_PORT(?:_\w+)?", _NUMBER),
    (r"PORT", _URL),
    (r"PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_START|_END)?", _URL),
    (r"PORT_[0-9]+_(?:TCP|UDP|SCTP)_PROTO", _PROTOCOL),
    (r"PORT_[0-9]+_(?:TCP|UDP|SCTP)_PORT(?:_START|_END)?", _NUMBER),
    (r"PORT_[0-9]+_(?:TCP|UDP|SCTP)_ADDR", _ADDRESS),
    (r"NAME", r"/\S+/\S+"),
    (r"ENV_\w+", r"(?s:.*)"),
)
"""The end of a name, and what the value then looks like. Both have to fit, so that a typing error is still one."""

_LINK = re.compile("|".join(rf"(?:\w+_)?{name}=(?:{value})" for name, value in _FORMS), re.ASCII)


def is_service_link(name: str, value: str) -> bool:
    """Tell whether a variable of the environment describes a Service or a linked container.

    `name` is what follows the prefix of the settings: `PORT`, or `CHAP_PORT` for a Service `registry-gateway-chap`.
    """
    return _LINK.fullmatch(f"{name}={value.strip()}") is not None
