"""Checks over HTTP of a gateway at a URL and of the services registered there."""

import time
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import anyio
import msgspec

from registry_gateway.adapter import AnyAdapter
from registry_gateway.client.reply import Reply
from registry_gateway.core.webhook import WebhookView
from registry_gateway.doctor.host_lookup import HostLookup
from registry_gateway.doctor.remote_catalogue import RemoteCatalogue
from registry_gateway.doctor.report import Report, about_gateway
from registry_gateway.doctor.rules import installation
from registry_gateway.doctor.rules.finding import Finding, error, warning
from registry_gateway.doctor.rules.webhooks import of_webhooks
from registry_gateway.endpoints.admin.wire import Data
from registry_gateway.http.body import parse
from registry_gateway.http.remote_server import RemoteServer, Unreachable, member, members, same_server, shown

SECONDS = 900.0
"""Seconds that a whole check may take."""

MOST_LEVELS = 16
"""Most path segments that are removed, one at a time, to find a gateway above the URL."""

LONGEST_URL = 2048
"""Longest URL a redirect may lead to, in characters."""

_webhooks = msgspec.json.Decoder(Data[tuple[WebhookView, ...]])

_FOLLOWS_NONE = "The services' clients do not follow redirects"


async def check(url: str, token: str | None, adapters: Sequence[AnyAdapter]) -> Report:
    """Return the report on the gateway at `url` and on the services in its catalogue.

    Args:
        url: The base URL of the gateway, or the URL of one of its endpoints as a service is configured with it.
        token: The bearer token to read the catalogue with, or None. It is sent only to the host in `url`.
        adapters: The dialects whose endpoints are checked.

    Raises:
        Unreachable: There is no gateway, or it stopped answering before the end of the check.
    """
    try:
        with anyio.fail_after(SECONDS):
            return await _check(url, token, adapters)
    except TimeoutError:
        raise Unreachable(f"{shown(url)} did not answer all requests within {SECONDS:g} s") from None


async def _check(url: str, token: str | None, adapters: Sequence[AnyAdapter]) -> Report:
    async with RemoteServer() as stranger:
        base, found, health = await _find(stranger, _without_endpoint(url, adapters))
    if token is not None and not same_server(url, base):
        summary = f"The token was not sent: it was given for {shown(url)}, but the gateway is at {shown(base)}"
        found.append(warning("token_not_sent", summary, f"Run the check with {shown(base)}."))
        token = None
    async with RemoteServer({} if token is None else {"Authorization": f"Bearer {token}"}) as remote:
        found += _of_clock(health)
        ready = await remote.get(f"{base}/health/ready")
        if member(ready.body, "status") not in ("ready", "unavailable"):
            raise Unreachable(f"{shown(base)} is not a registry-gateway: it has no /health/ready")
        if ready.status == 503:
            reason = member(ready.body, "reason") or "no reason given"
            found.append(error("not_ready", f"The gateway is not ready: {reason}", "Check its database and its log."))
        found += await _of_paths(remote, base, adapters)
        lookup = HostLookup()
        catalogue = RemoteCatalogue(remote, base, lookup)
        closed, live, diagnoses = await catalogue.check(sent=token is not None)
        found += closed or await catalogue.overview()
        found += [] if token is None else await _of_webhooks(remote, base)
    hosts, unresolved = lookup.diagnoses()
    return Report(
        checked=shown(base),
        services=live,
        diagnoses=[*about_gateway(found), *diagnoses, *hosts],
        unresolved=unresolved,
    )


# --- the gateway's URL


def _without_endpoint(url: str, adapters: Sequence[AnyAdapter]) -> str:
    """Return `url` without an endpoint's path at its end: some clients are configured with the endpoint's URL."""
    for adapter in adapters:
        for path in adapter.write_only:
            url = url.removesuffix(path)
    return url


async def _find(remote: RemoteServer, url: str) -> tuple[str, list[Finding], "_Health"]:
    """Return the gateway's URL, the findings about the given URL, and the answer to the health check."""
    found: list[Finding] = []
    try:
        health = await _health(remote, url)
    except Unreachable as unreachable:
        url, health = await _by_other_scheme(remote, url, unreachable)
        found.append(_wrong_scheme(url))
    if 300 <= health.reply.status < 400:
        target = _target(f"{url}/health", health.reply.headers.get("location", ""))
        summary = f"{shown(url)} redirects to {shown(target)}. {_FOLLOWS_NONE}"
        url = target.partition("?")[0].rstrip("/").removesuffix("/health")
        advice = f"Configure the services with {shown(url)}, or remove the redirect from the proxy."
        found.append(error("redirect", summary, advice))
        health = await _health(remote, url)
    if not health.well:
        try:
            above, health = await _above(remote, url, health)
            found.append(_wrong_prefix(url, above))
            url = above
        except Unreachable as unreachable:  # some proxies answer plain HTTP on their HTTPS port with a 400
            url, health = await _by_other_scheme(remote, url, unreachable)
            found.append(_wrong_scheme(url))
    return url, found, health


def _target(asked: str, location: str) -> str:
    try:
        target = urljoin(asked, location)
    except ValueError:
        raise Unreachable(f"{shown(asked)} redirects to an invalid URL") from None
    if len(target) > LONGEST_URL:
        raise Unreachable(f"{shown(asked)} redirects to a URL of {len(target)} characters")
    return target


class _Health(msgspec.Struct):
    """The answer to GET /health, with the times of the request and of the answer (epoch seconds)."""

    reply: Reply
    asked: float
    there: float

    @property
    def well(self) -> bool:
        return self.reply.status == 200 and member(self.reply.body, "status") == "ok"


async def _health(remote: RemoteServer, url: str) -> _Health:
    asked = time.time()
    reply = await remote.get(f"{url}/health")
    return _Health(reply, asked, time.time())


async def _by_other_scheme(remote: RemoteServer, url: str, unreachable: Unreachable) -> tuple[str, _Health]:
    """Return the URL with the other scheme (http or https) and the answer to the health check there.

    Raises:
        Unreachable: No gateway answers there either. The exception is `unreachable`, about the given URL.
    """
    scheme, _, rest = url.partition("://")
    other = f"{'https' if scheme == 'http' else 'http'}://{rest}"
    try:
        health = await _health(remote, other)
    except Unreachable:
        raise unreachable from None
    if not health.well:
        raise unreachable
    return other, health


def _wrong_scheme(url: str) -> Finding:
    speaks = urlsplit(url).scheme
    summary = f"The gateway uses {speaks}, but the given URL has {'http' if speaks == 'https' else 'https'}"
    advice = f"Configure the services with {shown(url)}"
    if speaks == "http":
        advice += ", or give the gateway a certificate (--ssl-certfile)"
    return error("wrong_scheme", summary, f"{advice}.")


def _wrong_prefix(url: str, above: str) -> Finding:
    summary = f"There is no gateway at {shown(url)}, but there is one at {shown(above)}"
    advice = (
        f"Configure the services with {shown(above)}, or set REGISTRY_GATEWAY_ROOT_PATH to the prefix of the proxy."
    )
    return error("wrong_prefix", summary, advice)


async def _above(remote: RemoteServer, url: str, health: _Health) -> tuple[str, _Health]:
    """Return the nearest URL above `url` at which a gateway answers.

    Raises:
        Unreachable: There is none.
    """
    above = url
    for _ in range(MOST_LEVELS):
        if not urlsplit(above).path:
            break
        above = above.rpartition("/")[0]
        if (found := await _health(remote, above)).well:
            return above, found
    raise Unreachable(f"no registry-gateway at {shown(url)}: GET /health returned {health.reply.status}")


# --- the gateway's answers


def _of_clock(health: _Health) -> list[Finding]:
    try:
        date = parsedate_to_datetime(health.reply.headers.get("date", ""))
    except (ValueError, OverflowError):  # the header may contain numbers of any size
        return []
    theirs = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() + 0.5  # Date has no fraction of a second
    return installation.of_clock(theirs - (health.asked + health.there) / 2, "the gateway's machine")


async def _of_webhooks(remote: RemoteServer, base: str) -> list[Finding]:
    """Return the findings about webhooks, which are for administrators; none if the token is not one's."""
    reply = await remote.get(f"{base}/admin/v1/webhooks")
    try:
        listed = parse(reply.body, _webhooks).data if reply.status == 200 else ()
    except msgspec.DecodeError:
        return []
    return of_webhooks(listed, time.time())


async def _of_paths(remote: RemoteServer, base: str, adapters: Sequence[AnyAdapter]) -> list[Finding]:
    """Return a finding for each write-only endpoint that is not reached by a GET; one that is reached returns 405."""
    spoken = members((await remote.get(f"{base}/openapi.json")).body, "paths")
    found = []
    for path in (path for adapter in adapters for path in adapter.write_only if path in spoken):
        status = (await remote.get(base + path)).status
        if status != 405:
            summary = f"{path} can't be reached: GET returns {status} instead of 405"
            advice = "Configure the proxy to pass paths on unchanged, without decoding or rewriting them."
            found.append(error("path_changed", summary, advice))
    return found
