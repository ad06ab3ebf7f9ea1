"""The endpoints for Prometheus: metrics and targets."""

from collections.abc import Sequence

from prometheus_client.exposition import choose_encoder
from starlette.routing import Route

from registry_gateway.auth.bearer import Readers
from registry_gateway.endpoints.prometheus.collector import Collector
from registry_gateway.endpoints.prometheus.discovery import Discovery, Targets
from registry_gateway.http.answer import NOSNIFF, Answer
from registry_gateway.http.call import Call
from registry_gateway.http.query import decode
from registry_gateway.http.rendered import Rendered
from registry_gateway.http.routing import resource
from registry_gateway.registry.shared_read import SharedRead


class Prometheus:
    """The endpoints for Prometheus."""

    def __init__(self, readers: Readers, collector: Collector, discovery: Discovery) -> None:
        self._readers = readers
        self._collector = collector
        self._discovery = discovery
        self._targets = SharedRead(self._render)

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return [resource("/metrics", GET=self.metrics), resource("/sd/prometheus", GET=self.targets)]

    async def metrics(self, call: Call) -> Answer:
        """GET /metrics: the metrics, in the format that `Accept` requests."""
        await self._readers.authorize(call)
        await self._collector.look()
        try:
            encode, media_type = choose_encoder(call.header(b"accept") or "")
        except (TypeError, ValueError):  # raised by the library for an invalid version in Accept
            encode, media_type = choose_encoder("")
        answer = Answer(200, encode(self._collector.registry), media_type.encode())
        answer.headers.append(NOSNIFF)
        return answer

    async def targets(self, call: Call) -> Answer:
        """GET /sd/prometheus: all matching services as targets, or an error."""
        await self._readers.authorize(call)
        return call.answer(await self._targets.submit(decode(call.scope.get("query_string", b""), Targets)))

    async def _render(self, query: Targets) -> Rendered:
        return await self._discovery.targets(query)
