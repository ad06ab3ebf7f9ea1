"""What Prometheus asks for: the figures, and targets."""

from collections.abc import Sequence

from prometheus_client.exposition import choose_encoder
from starlette.routing import Route

from registry_gateway.auth.accounts import Accounts
from registry_gateway.auth.bearer import authorize
from registry_gateway.endpoints.prometheus.collector import Collector
from registry_gateway.endpoints.prometheus.discovery import Discovery, Targets
from registry_gateway.http.answer import NOSNIFF, Answer
from registry_gateway.http.call import Call
from registry_gateway.http.query import decode
from registry_gateway.http.rendered import Rendered
from registry_gateway.http.routing import resource
from registry_gateway.registry.group_commit import Shared


class Prometheus:
    """The endpoints over what is measured and what is registered."""

    def __init__(self, accounts: Accounts, collector: Collector, discovery: Discovery, *, protected: bool) -> None:
        """Take the accounts, for who may read, and what there is to read."""
        self._accounts = accounts
        self._collector = collector
        self._discovery = discovery
        self._protected = protected
        self._targets = Shared(self._render)

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return [resource("/metrics", GET=self.metrics), resource("/sd/prometheus", GET=self.targets)]

    async def metrics(self, call: Call) -> Answer:
        """GET /metrics: the figures, in the format that is asked for."""
        await self._authorize(call)
        await self._collector.look()
        try:
            encode, media_type = choose_encoder(call.header(b"accept") or "")
        except (TypeError, ValueError):  # what the library makes of a version that is no version
            encode, media_type = choose_encoder("")
        answer = Answer(200, encode(self._collector.registry), media_type.encode())
        answer.headers.append(NOSNIFF)
        return answer

    async def targets(self, call: Call) -> Answer:
        """GET /sd/prometheus: the services as targets, all of them or an error."""
        await self._authorize(call)
        return call.answer(await self._targets.submit(decode(call.scope.get("query_string", b""), Targets)))

    async def _authorize(self, call: Call) -> None:
        if self._protected:
            await authorize(call, self._accounts)

    async def _render(self, query: Targets) -> Rendered:
        return await self._discovery.targets(query)
