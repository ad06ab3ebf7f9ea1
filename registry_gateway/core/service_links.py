"""Variables that Kubernetes and Docker set for services whose name begins with the gateway's settings prefix.

For a Service called `registry-gateway`, the kubelet sets `REGISTRY_GATEWAY_PORT`, `REGISTRY_GATEWAY_SERVICE_HOST` and
more in every container of the namespace; Docker's links set similar variables. These are not settings. Sources:
https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables,
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
"""The end of a variable's name, and the form of its value. Both must match, so that misspelt settings are still errors.
"""

_LINK = re.compile("|".join(rf"(?:\w+_)?{name}=(?:{value})" for name, value in _FORMS), re.ASCII)


def is_service_link(name: str, value: str) -> bool:
    """Tell whether an environment variable describes a Service or a linked container.

    `name` is without the prefix of the settings: `PORT`, or `CHAP_PORT` for a Service `registry-gateway-chap`.
    """
    return _LINK.fullmatch(f"{name}={value.strip()}") is not None
