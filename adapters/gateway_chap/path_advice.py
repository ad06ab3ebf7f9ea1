"""Advice for requests to wrong paths. Pure.

The `$` in CHAP's paths is special in shells and compose files, so it is often lost or doubled.
"""

REGISTER = "/v2/services/$register"
PING = "/v2/services/{id}/$ping"

_QUOTING = "Write one $: $$ is for compose files alone, and a shell needs the URL in single quotes"


def advice(method: str, path: str) -> str | None:
    """Return advice for a request with `method` on `path`, or None.

    `path` is decoded, without the gateway's prefix and without a slash at the end.
    """
    *_, last = path.split("/")
    word = last.strip("$\\{}()").lower()
    if word == "register":
        if path == REGISTER:
            return f"to register, send a POST with a JSON body to {REGISTER}"
        return f"services register with POST {REGISTER}. {_QUOTING}"
    if word == "ping":
        if last == "$ping":
            return f"a ping is PUT {PING}"
        return f"a ping is PUT {PING}. {_QUOTING}"
    if path.count("/") > 3 or not path.startswith("/v2/services"):
        return None
    if method == "PUT":
        return f"a ping is PUT {PING}. A shell or a compose file may have taken $ping for a variable"
    if method == "POST":
        return f"services register with POST {REGISTER}, with their id in the body, as info.id"
    return None
