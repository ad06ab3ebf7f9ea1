"""Several workers behind one port: whichever answers a scrape, it answers for all."""

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.e2e.polling import wait_until
from tests.integration.chap_service import payload
from tests.integration.prometheus_reader import METRICS, Scrape
from tests.integration.test_cli_serve import Serving, serving

HEARTBEATS = "registry_gateway_heartbeats_total"
UNKNOWN = {"dialect": "chap", "outcome": "unknown"}


def scrape(gateway: Serving) -> Scrape:
    """The figures, over a connection of its own: the system gives it to some worker."""
    answer = httpx.get(f"{gateway.url}{METRICS}", verify=False, trust_env=False)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)


def ping(gateway: Serving, times: int) -> None:
    """Send heartbeats of nobody, each over a connection of its own."""
    for _ in range(times):
        answer = httpx.put(f"{gateway.url}/v2/services/nobody/$ping", verify=False, trust_env=False)
        assert answer.status_code == 404


def started(gateway: Serving) -> int:
    """How many workers have started."""
    return gateway.log().count("Application startup complete")


@pytest.mark.slow
def test_each_worker_answers_for_all_and_what_one_counted_outlives_it(sqlite_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--database-url", sqlite_url) as gateway:
        wait_until(lambda: started(gateway) == 2, "2 workers have started", evidence=gateway.log)
        httpx.post(f"{gateway.url}/v2/services/$register", json=payload(), verify=False, trust_env=False)
        ping(gateway, 20)
        for _ in range(8):
            found = scrape(gateway)
            assert found.value(HEARTBEATS, **UNKNOWN) == 20
            assert found.value("registry_gateway_registrations", dialect="chap", status="up") == 1
            assert not found.series("process_cpu_seconds_total")  # of one of them, nobody knows which

        worker = int(re.findall(r"Started server process \[(\d+)\]", gateway.log())[0])
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: started(gateway) == 3, "3 workers have started", evidence=gateway.log)
        assert scrape(gateway).value(HEARTBEATS, **UNKNOWN) == 20
        ping(gateway, 5)
        for _ in range(8):
            assert scrape(gateway).value(HEARTBEATS, **UNKNOWN) == 25
        assert gateway.end(signal.SIGTERM) == 0
