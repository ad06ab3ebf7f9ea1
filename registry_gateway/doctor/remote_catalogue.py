"""A client of the catalogue of a gateway at a URL.

The server is not trusted: the size and number of its answers are limited, and so is what is kept of them.
"""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

import anyio
import msgspec
from msgspec import Meta

from registry_gateway.client.reply import Reply
from registry_gateway.doctor.host_lookup import HostLookup
from registry_gateway.doctor.report import Diagnosis
from registry_gateway.doctor.rules.finding import Finding, Severity, warning
from registry_gateway.doctor.rules.history import CODES as HISTORY
from registry_gateway.http.body import parse
from registry_gateway.http.remote_server import RemoteServer, Unreachable, member, shown

PAGE = 200
"""Services per page of the catalogue: the most if their findings are asked for."""

ATTEMPTS = 5
"""Requests for a page while the gateway has too many expensive reads."""

PAUSE = 0.5
"""Seconds between two attempts."""

ANSWER_BYTES = 16 * 2**20
"""Largest page, and largest overview, that is read, in bytes."""

MOST_SERVICES = 200_000
"""Most services that are checked."""

MOST_KEPT = 128 * 2**20
"""Most bytes of pages and findings together. They are kept until the report is printed."""

_LISTED = {"fields": "dialect,key,address,status,findings", "status": "pending,up,degraded,down", "limit": PAGE}


class _Found(msgspec.Struct):
    severity: Severity
    code: Annotated[str, Meta(max_length=64)]
    summary: Annotated[str, Meta(max_length=8192)]
    advice: Annotated[str, Meta(max_length=8192)]


_Findings = Annotated[list[_Found], Meta(max_length=100)]


class _Listed(msgspec.Struct):
    """A service as a page of the catalogue lists it."""

    dialect: str
    key: str
    address: str | None
    status: str
    findings: _Findings


class _Page(msgspec.Struct):
    next: Annotated[str, Meta(min_length=1, max_length=16_384)] | None
    services: list[_Listed]


class _Overview(msgspec.Struct):
    findings: _Findings


_page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Page)
_overview: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Overview)


class RemoteCatalogue:
    """The catalogue of a gateway."""

    def __init__(self, remote: RemoteServer, base: str, lookup: HostLookup) -> None:
        self._remote = remote
        self._lookup = lookup
        self._base = base
        self._kept = 0

    async def check(self, *, sent: bool) -> tuple[list[Finding], int, list[Diagnosis]]:
        """Return the number of live services, and the findings about services; or a finding about the gateway if the
        catalogue can't be read.

        `sent` is whether the requests have a token. The hosts of live services are passed to the look-up.

        Raises:
            Unreachable: There is no catalogue, or it exceeds a limit of this module.
        """
        seen = live = 0
        diagnoses: list[Diagnosis] = []
        cursor: str | None = ""
        while cursor is not None:
            query = urlencode({**_LISTED, "cursor": cursor} if cursor else _LISTED)
            reply = await self._get(f"services?{query}")
            if reply.status != 200:
                return [_closed(reply, sent=sent)], live, diagnoses
            page: _Page = self._decoded(reply, _page)
            self._keep(len(reply.body))
            if not page.services and page.next is not None:
                raise self._unexpected("an empty page that is not the last")
            seen += len(page.services)
            if seen > MOST_SERVICES:
                raise Unreachable(f"the catalogue at {shown(self._base)} lists more than {MOST_SERVICES} services")
            for service in page.services:
                live += service.status != "down"
                diagnoses += self._diagnoses(service)
            cursor = page.next
        return [], live, diagnoses

    def _diagnoses(self, service: _Listed) -> Iterator[Diagnosis]:
        """Yield the findings about a service. Of one that is down, only its history is of interest."""
        down = service.status == "down"
        if not down:
            self._lookup.add(service.dialect, service.key, service.address)
        for found in service.findings:
            if not down or found.code in HISTORY:
                finding = Finding(**msgspec.structs.asdict(found))
                yield Diagnosis(dialect=service.dialect, key=service.key, finding=finding)

    async def overview(self) -> list[Finding]:
        """Return the gateway's findings about its registry as a whole.

        Raises:
            Unreachable: The gateway stopped answering, or exceeds a limit of this module.
        """
        reply = await self._get("overview")
        if reply.status == 404:  # an older gateway
            return []
        if reply.status != 200:
            reason = member(reply.body, "detail") or f"the gateway returned {reply.status}"
            summary = f"The overview can't be read, so mass lapses were not looked for: {reason}"
            return [warning("overview_unavailable", summary, "Run the check again, or see the gateway's log.")]
        overview: _Overview = self._decoded(reply, _overview)
        return [Finding(**msgspec.structs.asdict(found)) for found in overview.findings]

    async def _get(self, path: str) -> Reply:
        reply = await self._remote.get(f"{self._base}/catalog/v1/{path}", ANSWER_BYTES)
        for _ in range(ATTEMPTS - 1):
            if reply.status != 503 or member(reply.body, "code") != "overloaded":
                break
            await anyio.sleep(PAUSE)
            reply = await self._remote.get(f"{self._base}/catalog/v1/{path}", ANSWER_BYTES)
        return reply

    def _keep(self, size: int) -> None:
        self._kept += size
        if self._kept > MOST_KEPT:
            raise Unreachable(
                f"the catalogue at {shown(self._base)} has more than {MOST_KEPT >> 20} MiB of services and findings"
            )

    def _decoded(self, reply: Reply, decoder: "msgspec.json.Decoder[Any]") -> Any:
        try:
            return parse(reply.body, decoder)
        except msgspec.DecodeError as flaw:
            raise self._unexpected(str(flaw)) from None

    def _unexpected(self, what: str) -> Unreachable:
        return Unreachable(f"unexpected answer of the catalogue at {shown(self._base)}: {what}")


def _closed(reply: Reply, *, sent: bool) -> Finding:
    advice = "See the gateway's log."
    if reply.status == 401 and sent:
        advice = "The token is unknown to the gateway or has expired; run `accounts list` there."
    elif reply.status in (401, 403):
        advice = "Set --token or REGISTRY_TOKEN to the token of an account with the scope read:catalog."
    reason = member(reply.body, "detail") or f"the gateway returned {reply.status}"
    return warning("catalogue_closed", f"The catalogue can't be read, so no service was checked: {reason}", advice)
