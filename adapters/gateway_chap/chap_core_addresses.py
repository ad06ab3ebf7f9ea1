"""The e-mail addresses and URLs that chap-core 2.x accepts. Pure.

At least as strict as the pydantic types `EmailStr` and `HttpUrl` of chap-core's schemas.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

LONGEST_URL = 2083
"""Longest URL that chap-core accepts, in characters after percent-encoding."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"(?P<local>{_LOCAL}(?:\.{_LOCAL})*)@(?P<domain>(?:{_LABEL}\.)+{_LABEL})", re.ASCII)
_SPECIAL = frozenset({"alt", "arpa", "internal", "invalid", "local", "localhost", "onion", "test"})
"""Top-level domains that are reserved or local; email-validator, which pydantic uses, refuses most of them."""


def is_email(value: object) -> bool:
    """Tell whether it is an e-mail address that email-validator accepts. Those with other letters than ASCII's are not
    told from wrong ones.
    """
    found = _EMAIL.fullmatch(value) if isinstance(value, str) and len(value) <= 254 else None
    if found is None or len(found["local"]) > 64:
        return False
    labels = found["domain"].lower().split(".")
    return labels[-1][-1].isalpha() and labels[-1] not in _SPECIAL and not any(label[2:4] == "--" for label in labels)


_URL = re.compile(
    r"https?://(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_UNENCODED = "!#$%&()*+,/:;=?@[]~"
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


def is_url(value: object) -> bool:
    """Tell whether it is an http or https URL that pydantic accepts. Those with other letters than ASCII's in the host,
    or with a user, are not told from wrong ones.
    """
    if not isinstance(value, str) or len(value) > LONGEST_URL or not value.isprintable():
        return False
    found = _URL.fullmatch(value)
    if found is None or int(found["port"] or 0) > 65535 or len(quote(value, _UNENCODED)) > LONGEST_URL:
        return False
    try:
        if found["ipv6"] is not None:
            IPv6Address(found["ipv6"])
            return True
        labels = found["host"].split(".")
        if _NUMBER.fullmatch(labels[-1]):
            IPv4Address(found["host"])
            return True
    except AddressValueError:
        return False
    return all(0 < len(label) < 64 and label[:4].lower() != "xn--" for label in labels) and len(found["host"]) < 254
