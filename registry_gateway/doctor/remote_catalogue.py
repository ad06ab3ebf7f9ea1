"""A client of the catalogue of a gateway at a URL.

The server is not trusted: the size and number of its answers are limited, and so is what is kept of them.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import anyio
import msgspec
from msgspec import Meta

from registry_gateway.doctor.report import Diagnosis
from registry_gateway.doctor.rules.finding import Finding, Severity, warning
from registry_gateway.http.body import parse
from registry_gateway.http.remote_server import RemoteServer, Reply, Unreachable, member, shown

ASKING = 8
"""Services that are requested at a time."""

PAGE = 1000
"""Services per page of the catalogue."""

ANSWER_BYTES = 16 * 2**20
"""Largest page, and largest document of one service, that is read, in bytes."""

MOST_SERVICES = 200_000
"""Most services that are checked."""

MOST_KEPT = 128 * 2**20
"""Most bytes of pages and findings together. They are kept until the report is printed."""

_LISTED = {"fields": "dialect,key,address", "status": "pending,up,degraded", "limit": PAGE}


class Listed(msgspec.Struct):
    """A service as a page of the catalogue lists it."""

    dialect: str
    key: str
    address: str | None


class _Page(msgspec.Struct):
    next: Annotated[str, Meta(min_length=1, max_length=16_384)] | None
    services: list[Listed]


class _Found(msgspec.Struct):
    severity: Severity
    code: Annotated[str, Meta(max_length=64)]
    summary: Annotated[str, Meta(max_length=8192)]
    advice: Annotated[str, Meta(max_length=8192)]


class _Dossier(msgspec.Struct):
    findings: Annotated[list[_Found], Meta(max_length=100)] = []


_page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Page)
_dossier: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Dossier)


class RemoteCatalogue:
    """The catalogue of a gateway."""

    def __init__(self, remote: RemoteServer, base: str) -> None:
        self._remote = remote
        self._base = base
        self._kept = 0

    async def list(self, *, sent: bool) -> tuple[list[Finding], list[Listed]]:
        """Return all services that are pending or alive, or a finding if the catalogue can't be read.

        `sent` is whether the requests have a token.

        Raises:
            Unreachable: There is no catalogue, or it exceeds a limit of this module.
        """
        services: list[Listed] = []
        cursor: str | None = ""
        while cursor is not None:
            query = urlencode({**_LISTED, "cursor": cursor} if cursor else _LISTED)
            reply = await self._get(f"services?{query}")
            if reply.status != 200:
                return [_closed(reply, sent=sent)], services
            page: _Page = self._decoded(reply, _page)
            self._keep(len(reply.body))
            services += page.services
            if not page.services and page.next is not None:
                raise self._unexpected("an empty page that is not the last")
            if len(services) > MOST_SERVICES:
                raise Unreachable(f"the catalogue at {shown(self._base)} lists more than {MOST_SERVICES} services")
            cursor = page.next
        return [], services

    async def diagnoses(self, listed: Sequence[Listed], tell: Callable[[str], None]) -> Sequence[Diagnosis]:
        """Return the gateway's findings about these services; `tell` is called with a line if it takes long.

        Raises:
            Unreachable: The gateway stopped answering.
        """
        if len(listed) > PAGE:
            tell(f"Requesting {len(listed)} services …")  # about 200 per second
        found: dict[int, Sequence[Finding]] = {}
        left = iter(enumerate(listed))

        async def ask() -> None:
            for number, service in left:
                found[number] = await self._findings(service)

        try:
            async with anyio.create_task_group() as group:
                for _ in range(ASKING):
                    group.start_soon(ask)
        except* Unreachable as several:
            raise several.exceptions[0] from None
        return [
            Diagnosis(dialect=service.dialect, key=service.key, finding=finding)
            for number, service in enumerate(listed)
            for finding in found[number]
        ]

    async def _findings(self, service: Listed) -> Sequence[Finding]:
        reply = await self._get(f"services/{quote(service.dialect, safe='')}/{quote(service.key, safe='')}")
        if reply.status != 200:  # 404: it has left since the list was read, or its key can't be written in a path
            return ()
        dossier: _Dossier = self._decoded(reply, _dossier)
        findings = [Finding(**msgspec.structs.asdict(found)) for found in dossier.findings]
        self._keep(sum(len(finding.summary) + len(finding.advice) for finding in findings))
        return findings

    async def _get(self, path: str) -> Reply:
        return await self._remote.get(f"{self._base}/catalog/v1/{path}", ANSWER_BYTES)

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
