"""A real Prometheus and Alertmanager with the files of docs/prometheus: what they say of one service, and of many."""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.e2e.child import Child
from tests.e2e.gateway import CHAP_TTL, Gateway, running_gateway, unused_port
from tests.e2e.polling import wait_until

FILES = Path(__file__).parents[2] / "docs" / "prometheus"
PROMETHEUS, ALERTMANAGER = shutil.which("prometheus"), shutil.which("prometheus-alertmanager")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed"),
    pytest.mark.skipif(ALERTMANAGER is None, reason="prometheus-alertmanager is not installed"),
]

SERVICES = [f"model-{number}" for number in range(37)]


class Receiver(BaseHTTPRequestHandler):
    """The receiver of Alertmanager's messages, which keeps the alerts of each."""

    messages: list[list[dict[str, Any]]]

    def do_POST(self) -> None:
        """Keep the alerts of a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.messages.append(msgspec.json.decode(body)["alerts"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Write no log."""


@contextmanager
def receiving() -> Iterator[tuple[str, list[list[dict[str, Any]]]]]:
    """A receiver: its URL, and the messages it has got."""
    messages: list[list[dict[str, Any]]] = []
    kind = type("Kept", (Receiver,), {"messages": messages})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", messages
        server.shutdown()


@contextmanager
def alertmanager(directory: Path, receiver: str) -> Iterator[str]:
    """An Alertmanager with the documented configuration, whose receivers are all `receiver`: its address."""
    text = (FILES / "alertmanager.yml").read_text()
    text = re.sub(r"group_(wait|interval): \w+", r"group_\1: 1s", text)
    text = re.sub(r"    email_configs:\n(      .*\n)+", "    webhook_configs:\n      - url: http://email\n", text)
    (directory / "alertmanager.yml").write_text(re.sub(r"url: .*", f"url: {receiver}", text))
    address = f"127.0.0.1:{unused_port()}"
    options = ["--config.file=alertmanager.yml", "--storage.path=alerts", "--cluster.listen-address="]
    command = [str(ALERTMANAGER), *options, f"--web.listen-address={address}"]
    with closing(Child(command, log=directory / "alertmanager.log", directory=directory)) as child:
        wait_until(lambda: ready(f"http://{address}/-/ready"), "Alertmanager is ready", evidence=child.log)
        yield address


@contextmanager
def prometheus(directory: Path, gateway: Gateway, alerts: str) -> Iterator[httpx.Client]:
    """A Prometheus with the documented configuration and rules, and shorter times: a client of it."""
    text = (FILES / "prometheus.yml").read_text().replace("GATEWAY:8765", f"127.0.0.1:{gateway.port}")
    text = re.sub(r"_interval: \w+", "_interval: 1s", text).replace("localhost:9093", alerts)
    (directory / "prometheus.yml").write_text(text)
    rules = (FILES / "rules.yml").read_text()
    (directory / "rules.yml").write_text(rules.replace("for: 1m", "for: 2s").replace("[2m]", "[10s]"))
    address = f"127.0.0.1:{unused_port()}"
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=series", f"--web.listen-address={address}"]
    with closing(Child([str(PROMETHEUS), *options], log=directory / "prometheus.log", directory=directory)) as child:
        wait_until(lambda: ready(f"http://{address}/-/ready"), "Prometheus is ready", evidence=child.log)
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
            yield client


@contextmanager
def closing(child: Child) -> Iterator[Child]:
    """Close a child at the end."""
    try:
        yield child
    finally:
        child.close()


def ready(url: str) -> bool:
    """Whether a server says that it is ready."""
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def asked(client: httpx.Client, expression: str) -> dict[str, float]:
    """The samples of an expression now, by the labels that tell them apart."""
    answer = client.get("/api/v1/query", params={"query": expression}).json()
    assert answer["status"] == "success", answer
    return {
        "/".join(value for name, value in sorted(sample["metric"].items()) if name not in ("__name__", "job")): float(
            sample["value"][1]
        )
        for sample in answer["data"]["result"]
    }


def summaries(client: httpx.Client, name: str) -> list[str]:
    """The summaries of the alerts of a name that fire now."""
    alerts = client.get("/api/v1/alerts").json()["data"]["alerts"]
    return [alert["annotations"]["summary"] for alert in alerts if alert["labels"]["alertname"] == name]


def suppressed(alerts: str) -> set[str]:
    """The keys of the services whose alert Alertmanager has and does not send."""
    found = httpx.get(f"http://{alerts}/api/v2/alerts", trust_env=False).json()
    return {alert["labels"]["key"] for alert in found if alert["status"]["state"] == "suppressed"}


@contextmanager
def pinging(gateway: Gateway, keys: list[str]) -> Iterator[None]:
    """Send heartbeats of `keys`, which may change meanwhile."""
    ended = threading.Event()

    def ping() -> None:
        with httpx.Client(base_url=gateway.url, trust_env=False) as client:
            while not ended.wait(CHAP_TTL / 6):
                for key in list(keys):
                    client.put(f"/v2/services/{key}/$ping")

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def register(gateway: Gateway, key: str) -> None:
    """Register a model that serves no metrics."""
    body = {"url": "http://127.0.0.1:9", "info": {"id": key, "display_name": key}}
    assert gateway.http.post("/v2/services/$register", json=body).status_code == 200


def test_one_service_that_is_down_is_told_and_many_are_one_message(tmp_path: Path) -> None:
    settings = {"REGISTRY_GATEWAY_METRICS_PER_SERVICE": "true"}
    alive = list(SERVICES)
    with (
        running_gateway(tmp_path, settings) as gateway,
        receiving() as (receiver, messages),
        alertmanager(tmp_path, receiver) as alerts,
        prometheus(tmp_path, gateway, alerts) as client,
        pinging(gateway, alive),
    ):
        for key in SERVICES:
            register(gateway, key)
        up = 'sum(max by (dialect, key) (registry_gateway_service_up{dialect="chap"}))'
        wait_until(lambda: asked(client, up) == {"": len(SERVICES)}, "each service has its series and is up")

        lost = alive.pop()
        [message] = wait_until(lambda: messages, "a message about the service that is down")
        assert [(alert["labels"]["key"], alert["status"]) for alert in message] == [(lost, "firing")]
        assert message[0]["annotations"]["summary"] == f"chap/{lost} is down"
        down = f'up{{job="chap", service="{lost}"}}'
        assert list(asked(client, down).values()) == [0.0], "it remains a target"
        assert asked(client, 'max(registry_gateway_recent_lapses{window="5m",dialect="chap"})') == {"": 1}
        assert asked(client, "max by (key) (avg_over_time(registry_gateway_service_up[1h])) < 1").keys() == {lost}

        alive.append(lost)
        wait_until(lambda: len(messages) == 2, "a message that it is up again")
        assert [(alert["labels"]["key"], alert["status"]) for alert in messages[1]] == [(lost, "resolved")]

        alive.clear()
        exact = 'max by (dialect) (registry_gateway_recent_lapses{window="5m", dialect="chap"})'
        wait_until(lambda: asked(client, exact) == {"chap": len(SERVICES) + 1}, "each lapse is counted, and once")
        wait_until(lambda: suppressed(alerts) == set(SERVICES), "Alertmanager keeps back each single alert")
        wait_until(lambda: len(messages) > 2, "a message about many lapses")
        told = {alert["labels"]["alertname"] for message in messages[2:] for alert in message}
        assert told == {"RegistryGatewayManyLapses"}
        [summary] = summaries(client, "RegistryGatewayManyLapses")
        assert summary == f"{len(SERVICES) + 1} chap services lapsed within five minutes"
