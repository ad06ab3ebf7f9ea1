"""/metrics and /sd/prometheus as Prometheus reads them."""

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

METRICS, TARGETS = "/metrics", "/sd/prometheus"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scrape:
    """What one scrape brought."""

    def __init__(self, text: str) -> None:
        """Parse it as the library of Prometheus does."""
        self.families = list(text_string_to_metric_families(text))
        self._samples: Samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value of one series, which must be there."""
        return self._samples[name, frozenset(labels.items())]

    def series(self, name: str) -> dict[frozenset[tuple[str, str]], float]:
        """Every series of a name that is not zero, by its labels."""
        return {labels: value for (found, labels), value in self._samples.items() if found == name and value}


async def scrape(client: httpx.AsyncClient) -> Scrape:
    """The figures."""
    answer = await client.get(METRICS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return Scrape(answer.text)


async def discovered(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    """The targets."""
    answer = await client.get(TARGETS, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    groups: list[dict[str, Any]] = answer.json()
    return groups


def labels(group: dict[str, Any]) -> dict[str, str]:
    """The labels of a target that are the gateway's own, without what they all start with."""
    start = "__meta_registry_gateway_"
    return {name.removeprefix(start): value for name, value in group["labels"].items() if name.startswith(start)}
