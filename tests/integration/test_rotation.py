"""Changing a credential while services use it: nobody is refused on the way, and events say which one was used."""

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import GatewayFactory, core_of
from tests.integration.chap_service import payload, ping, register
from tests.integration.command_line import complaint, output
from tests.integration.runspec_agent import AGENT
from tests.integration.test_cli_serve import TIMEOUT, Serving, serving

OLD = "old-key-0123456789abcdef"
NEW = "new-key-0123456789abcdef"


@pytest.mark.anyio
async def test_two_service_keys_open_at_once_and_events_tell_them_apart(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url, {"SERVICEKIT_REGISTRATION_KEY": f"{OLD}, {NEW}"}) as client:
        for key in (OLD, NEW):
            client.headers["X-Service-Key"] = key
            await register(client)
            assert (await ping(client)).status_code == 200
        client.headers["X-Service-Key"] = f"{OLD}, {NEW}"
        assert (await ping(client)).status_code == 401
        actors = [event.actor for event in await core_of(client).registry.events()]
    assert len(set(actors)) == 2
    assert all(re.fullmatch(r"key:chap:[0-9a-f]{8}", actor) for actor in actors)


@pytest.mark.anyio
async def test_an_agent_moves_to_the_next_key_and_the_old_one_is_closed(
    start_gateway: GatewayFactory, sqlite_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text(OLD)
    environment = {"REGISTRY_GATEWAY_RUNSPEC_API_KEY_FILE": str(file), "REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"}
    async with start_gateway(sqlite_url, environment) as client:

        async def statuses() -> list[int]:
            answers = []
            for key in (OLD, NEW):
                headers = {"X-API-Key": key}
                answers.append(await client.post("/instances", json=AGENT, headers=headers))
                answers.append(await client.get("/instances", headers=headers))
            return [answer.status_code for answer in answers]

        reload = core_of(client).keyrings.reload
        assert await statuses() == [201, 200, 403, 403]
        file.write_text(f"{OLD}\n{NEW}\n")
        reload()
        assert await statuses() == [201, 200, 201, 200]
        file.write_text(NEW)
        reload()
        assert await statuses() == [403, 403, 201, 200]
        file.unlink()
        reload()
        assert await statuses() == [403, 403, 201, 200]


def _status(gateway: Serving, key: str) -> int:
    headers = {"X-Service-Key": key}
    url = f"{gateway.url}/v2/services/$register"
    return httpx.post(url, json=payload(), headers=headers, verify=False, trust_env=False).status_code


def _wait(condition: Callable[[], bool], gateway: Serving) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, gateway.log()
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_sighup_has_the_file_read_again_without_a_restart(sqlite_url: str, tmp_path: Path, workers: int) -> None:
    file = tmp_path / "keys"
    file.write_text(OLD)
    options = ["--workers", str(workers), "--database-url", sqlite_url]
    with serving(tmp_path, *options, SERVICEKIT_REGISTRATION_KEY_FILE=str(file)) as gateway:
        _wait(lambda: gateway.log().count("Application startup complete") == workers, gateway)
        assert (_status(gateway, OLD), _status(gateway, NEW)) == (200, 401)

        file.write_text(f"{OLD}\n{NEW}\n")
        gateway.process.send_signal(signal.SIGHUP)
        _wait(lambda: len(re.findall(r"keys=\S+,", gateway.log())) == workers, gateway)
        assert [_status(gateway, key) for key in (OLD, NEW) * workers * 2] == [200, 200] * workers * 2

        file.write_text("# oops")
        gateway.process.send_signal(signal.SIGHUP)
        _wait(lambda: gateway.log().count("contains no key") == workers, gateway)
        assert [_status(gateway, key) for key in (OLD, NEW) * workers * 2] == [200, 200] * workers * 2

        assert gateway.log().count("Started server process") == workers
        assert OLD not in gateway.log()
        assert gateway.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SERVICEKIT_REGISTRATION_KEY_FILE": "/nowhere/keys"}, "SERVICEKIT_REGISTRATION_KEY_FILE: can't read"),
        (
            {"SERVICEKIT_REGISTRATION_KEY_FILE": "/dev/null"},
            "SERVICEKIT_REGISTRATION_KEY_FILE: /dev/null contains no key",
        ),
        ({"SERVICEKIT_REGISTRATION_KEY": " , "}, "SERVICEKIT_REGISTRATION_KEY is empty"),
        (
            {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": OLD, "REGISTRY_GATEWAY_RUNSPEC_API_KEY_FILE": "/dev/null"},
            "REGISTRY_GATEWAY_RUNSPEC_API_KEY and REGISTRY_GATEWAY_RUNSPEC_API_KEY_FILE are both set",
        ),
    ],
)
def test_keys_that_cannot_be_had_stop_the_start(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    said = complaint(f"sqlite:///{tmp_path}/registry.db", "serve", REGISTRY_GATEWAY_PORT="0", **environment)
    assert said.startswith(message)
    assert OLD not in said
    assert list(tmp_path.iterdir()) == []


def test_several_keys_are_masked_like_one() -> None:
    text = output("sqlite:///registry.db", "config", SERVICEKIT_REGISTRATION_KEY=f"{OLD},{NEW}")
    assert OLD not in text
    assert re.search(r"^SERVICEKIT_REGISTRATION_KEY +environment +\*{8}$", text, re.M)
    listed = json.loads(output("sqlite:///registry.db", "config", "--json", REGISTRY_GATEWAY_RUNSPEC_API_KEY=OLD))
    assert listed["REGISTRY_GATEWAY_RUNSPEC_API_KEY"]["value"] == "********"
