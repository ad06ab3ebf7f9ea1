"""docs/prometheus and the table of docs/operations.md against what /metrics says, and against promtool."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import GatewayFactory
from tests.integration import chap_service
from tests.integration.prometheus_reader import Scrape, scrape

DOCS = Path(__file__).parents[2] / "docs"
FILES = DOCS / "prometheus"
BEGIN, END = "<!-- metrics -->\n", "<!-- end of metrics -->\n"

PER_SERVICE = {"REGISTRY_GATEWAY_METRICS_PER_SERVICE": "true"}

AMTOOL = shutil.which("amtool")
needs_amtool = pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed (Debian: prometheus-alertmanager)")

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")

_OURS = re.compile(r"\b(?:registry_gateway|process)_\w+")
_LABEL = re.compile(r"\b(\w+)\s*(?:=~|!=|!~|=)\s*\"")


async def scraped(start_gateway: GatewayFactory, url: str) -> Scrape:
    """The figures of a gateway that has done something, with all the families there can be."""
    async with start_gateway(url, PER_SERVICE) as client:
        await chap_service.register(client)
        await chap_service.ping(client)
        return await scrape(client)


def names(found: Scrape) -> set[str]:
    """The name of every series."""
    return {sample.name for family in found.families for sample in family.samples}


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    read: dict[str, Any] = json.loads((FILES / "dashboard.json").read_text())
    return read


def expressions() -> list[str]:
    """What the panels of the dashboard ask for."""
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


@pytest.mark.anyio
async def test_the_table_lists_the_metrics(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    families = [f for f in (await scraped(start_gateway, sqlite_url)).families if f.name.startswith("registry_gateway")]
    rows = []
    for family in families:
        labels = {label: None for sample in family.samples for label in sample.labels if label != "le"}
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append((name, family.type, ", ".join(f"`{label}`" for label in labels)))
    table = (DOCS / "operations.md").read_text().partition(BEGIN)[2].partition(END)[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    assert [(name.strip("`"), kind, labels) for name, kind, labels, _ in cells] == rows
    assert all(meaning for *_, meaning in cells)


@pytest.mark.anyio
async def test_the_table_of_the_mirror_lists_its_metrics(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_CHAP_REDIS_URL": "redis://127.0.0.1:1/3"}) as client:
        found = await scrape(client)
    rows = []
    for family in found.families:
        if family.name.startswith("registry_gateway_chap_core"):
            labels = {label: None for sample in family.samples for label in sample.labels}
            rows.append((family.name, family.type, ", ".join(f"`{label}`" for label in labels)))
    table = (DOCS / "wire" / "chap.md").read_text().partition("<!-- mirror metrics -->\n")[2].partition("<!-- end")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    assert [(name.strip("`"), kind, labels) for name, kind, labels, _ in cells] == rows
    assert len(rows) == 4


@pytest.mark.anyio
@pytest.mark.parametrize("file", ["rules.yml", "rules.test.yml", "dashboard.json"])
async def test_what_is_asked_for_is_there(start_gateway: GatewayFactory, sqlite_url: str, file: str) -> None:
    known = names(await scraped(start_gateway, sqlite_url))
    asked = set(_OURS.findall((FILES / file).read_text()))
    assert len(asked) >= 5
    assert asked <= known


@pytest.mark.anyio
async def test_labels_that_are_asked_for_are_there(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    found = await scraped(start_gateway, sqlite_url)
    known = {label for family in found.families for sample in family.samples for label in sample.labels}
    asked = set(_LABEL.findall("\n".join([*expressions(), (FILES / "rules.yml").read_text()])))
    assert {"window", "operation", "lane"} <= asked
    assert asked <= known | {"job", "instance"}


def test_the_dashboard_can_be_imported() -> None:
    made = dashboard()
    variables = {variable["name"] for variable in made["templating"]["list"]}
    assert variables == {"datasource", "job", "instance"}
    panels = made["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    for panel in panels:
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["targets"]
            for asked in (panel, *panel["targets"]):
                assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


def promtool(*arguments: str, directory: Path = FILES) -> None:
    """Run promtool, which must find nothing wrong."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_configuration_and_rules() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "rules.yml")


@needs_amtool
def test_amtool_accepts_the_configuration_of_alertmanager() -> None:
    assert AMTOOL is not None
    done = subprocess.run(
        [AMTOOL, "check-config", "alertmanager.yml"], cwd=FILES, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_rules_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", "rules.test.yml")


@needs_promtool
def test_promtool_understands_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [e.replace("$__rate_interval", "1m").replace("$__range", "6h") for e in expressions()]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML
    promtool("check", "rules", "rules.yml", directory=tmp_path)


@needs_promtool
@pytest.mark.anyio
async def test_promtool_accepts_the_metrics(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    assert PROMTOOL is not None
    async with start_gateway(sqlite_url, PER_SERVICE) as client:
        await chap_service.register(client)
        text = (await client.get("/metrics")).content
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, check=False)  # noqa: ASYNC221 - nothing else runs meanwhile
    complaints = [line for line in (done.stdout + done.stderr).decode().splitlines() if "registry_gateway" in line]
    assert not complaints
