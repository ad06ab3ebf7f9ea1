"""`Registration`: services that register from Python, at real gateways."""

import asyncio
import logging
import os
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from registry_gateway.client import Registration
from registry_gateway.client.registration import keeper
from registry_gateway.client.registration.dialect import Usual
from registry_gateway.client.registration.gateway import MOST_BYTES
from registry_gateway.client.registration.keeper import DEREGISTERING
from tests.e2e.gateway import CHAP_TTL, RUNSPEC_HEARTBEAT_INTERVAL, RUNSPEC_TTL, Gateway, Tls, running_gateway
from tests.e2e.polling import wait_until, watch
from tests.e2e.scripted import Reply, Scripted

DOCUMENT = Path(__file__).parents[2] / "docs" / "sidecar.md"
KEY = "key-of-chap"
SECRETS = {"SERVICEKIT_REGISTRATION_KEY": KEY, "REGISTRY_GATEWAY_RUNSPEC_API_KEY": "key-of-runspec"}
TOOL = {"name": "uptime", "description": "How long the host is up", "inputSchema": {"type": "object"}}
MODEL = {"url": "http://192.0.2.7:8000", "info": {"id": "my-model", "display_name": "My model", "target": 7}}


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """No proxy of the machine's, and the whole log of registrations."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    caplog.set_level(logging.INFO, "registry_gateway.registration")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with short leases that needs keys."""
    with running_gateway(tmp_path_factory.mktemp("gateway"), SECRETS) as gateway:
        yield gateway


def listed(gateway: Gateway, key: str) -> dict[str, Any] | None:
    """The CHAP service of that id in the list."""
    services = gateway.listed("/v2/services")["services"]
    return next((service for service in services if service["id"] == key), None)


def kinds(gateway: Gateway, key: str) -> list[str]:
    """The kinds of a service's events, oldest first."""
    events = gateway.listed("/catalog/v1/log", key=key)["events"]
    return [event["kind"] for event in reversed(events)]


def test_a_model_is_registered_while_the_block_runs(gateway: Gateway) -> None:
    with Registration(gateway.url, "chap", MODEL, key=KEY) as registration:
        service = wait_until(lambda: listed(gateway, "my-model"), "it is registered")
        assert service["info"]["target"] == 7
        assert wait_until(lambda: registration.registered, "it knows")
        watch(lambda: assert_listed(gateway, "my-model"), seconds=1.5 * CHAP_TTL)
    assert listed(gateway, "my-model") is None
    assert kinds(gateway, "my-model")[:2] == ["registered", "deregistered"]
    assert not registration.registered


def test_the_example_of_the_document_works(gateway: Gateway) -> None:
    [example] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    found = []

    def serve() -> None:
        found.append(wait_until(lambda: listed(gateway, "my-model"), "it is registered"))

    example = example.replace("http://gateway:8765", gateway.url).replace('"chap", ', f'"chap", key="{KEY}", ')
    exec(example, {"serve": serve})
    assert found[0]["url"] == "http://my-model:8000"
    assert listed(gateway, "my-model") is None


def assert_listed(gateway: Gateway, key: str) -> None:
    """It is in the list."""
    assert listed(gateway, key) is not None


def test_a_service_of_scaicontrol_takes_over_what_another_process_left(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    token = gateway.token("invoices", "registry:manage")
    usual: Usual = {"id": "invoices", "name": "Invoices", "version": "1.0.0"}
    headers = {"Authorization": f"Bearer {token}"}
    left = gateway.http.post(
        "/api/v1/registry/register", json={"slug": "invoices", "name": "Old", "version": "0.9.0"}, headers=headers
    )
    assert left.status_code == 201

    async def work() -> None:
        async with Registration(gateway.url, "scaicontrol", key=token, **usual) as registration:
            await asyncio.to_thread(wait_until, lambda: registration.registered, "it is registered")
        assert not registration.registered

    asyncio.run(work())
    assert keeper.REPLACED in caplog.messages
    assert kinds(gateway, "invoices") == ["registered", "updated", "version_changed", "deregistered"]


@pytest.mark.slow
def test_an_agents_tools_are_posted_and_posted_again_when_they_change(gateway: Gateway) -> None:
    usual: Usual = {"id": "a/b c", "name": "agent", "host": "web-1", "version": "1"}
    options: dict[str, Any] = {"key": "key-of-runspec", "interval": RUNSPEC_HEARTBEAT_INTERVAL}
    with Registration(gateway.url, "runspec", tools=[TOOL], **options, **usual) as registration:
        wait_until(lambda: tools(gateway) == ["uptime"], "its tools are listed")
        registration.advertise([TOOL, {**TOOL, "name": "reboot"}])
        wait_until(lambda: tools(gateway) == ["reboot", "uptime"], "the other tool is listed too")
        watch(lambda: assert_tools(gateway), seconds=1.5 * RUNSPEC_TTL)
    assert tools(gateway) == []
    assert kinds(gateway, "a/b c").count("registered") == 1


def tools(gateway: Gateway) -> list[str]:
    """The names of all tools."""
    return sorted(tool["name"] for tool in gateway.listed("/tools"))


def assert_tools(gateway: Gateway) -> None:
    """Both tools are listed."""
    assert tools(gateway) == ["reboot", "uptime"]


def test_an_agent_without_tools_registers_once(gateway: Gateway) -> None:
    usual: Usual = {"id": "bare", "name": "agent", "host": "web-1", "version": "1"}
    options: dict[str, Any] = {"key": "key-of-runspec", "interval": RUNSPEC_HEARTBEAT_INTERVAL}
    with Registration(gateway.url, "runspec", **options, **usual) as registration:
        wait_until(lambda: registration.registered, "it is registered")
        watch(lambda: None, seconds=RUNSPEC_TTL)
    assert kinds(gateway, "bare").count("registered") == 1


def test_a_service_that_was_removed_registers_again(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    with Registration(gateway.url, "chap", id="stubborn", name="Stubborn", url="http://s", key=KEY):
        wait_until(lambda: listed(gateway, "stubborn"), "it is registered")
        gateway.command("services", "remove", "stubborn")
        wait_until(lambda: listed(gateway, "stubborn"), "it is registered again")
        assert caplog.messages.count(keeper.LOST) == 1


def test_a_second_process_with_one_id_is_noticed(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    usual: Usual = {"id": "twice", "name": "Twice", "url": "http://t"}
    with Registration(gateway.url, "chap", key=KEY, **usual) as first:
        wait_until(lambda: first.registered, "it is registered")
        assert keeper.REPLACED not in caplog.messages
        with Registration(gateway.url, "chap", key=KEY, **usual) as second:
            wait_until(lambda: second.registered, "the other is registered")
            assert keeper.REPLACED in caplog.messages


def test_a_key_is_rotated_in_its_file(gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "key"
    file.write_text("key-that-was")
    with Registration(gateway.url, "chap", id="rotated", name="R", url="http://r", key_file=file):
        wait_until(lambda: "answers 401: Invalid service key" in caplog.text, "it complains")
        file.write_text(KEY)
        wait_until(lambda: listed(gateway, "rotated"), "it is registered")
        file.unlink()
        wait_until(lambda: "can't read the key file" in caplog.text, "it complains")
        file.write_text(KEY)
    complaints = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(complaints) == 2, "each is said once"
    assert not {KEY, "key-that-was"} & set(caplog.text.split())
    assert listed(gateway, "rotated") is None


@pytest.mark.slow
def test_a_gateway_that_is_away_is_found_when_it_comes_and_when_it_returns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway(tmp_path, {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{CHAP_TTL:g}"})
    try:
        with Registration(gateway.url, "chap", MODEL):
            wait_until(lambda: "can't reach" in caplog.text, "it complains")
            gateway.start()
            wait_until(lambda: listed(gateway, "my-model"), "it is registered")
            gateway.kill()
            wait_until(lambda: caplog.text.count("can't reach") == 2, "it complains again")
            for file in tmp_path.glob("registry.db*"):
                file.unlink()
            gateway.start()
            wait_until(lambda: listed(gateway, "my-model"), "it is registered in the empty registry")
        assert listed(gateway, "my-model") is None
    finally:
        gateway.close()


@pytest.mark.slow
def test_a_service_that_is_not_well_is_not_registered_and_then_expires(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    reasons: list[str | None] = ["it warms up"]

    async def check() -> str | None:
        return reasons[-1]

    with Registration(gateway.url, "chap", id="moody", name="Moody", url="http://m", key=KEY, check=check):
        wait_until(lambda: "it warms up" in caplog.text, "the reason is in the log")
        assert kinds(gateway, "moody") == []
        reasons.append(None)
        wait_until(lambda: listed(gateway, "moody"), "it is registered")
        reasons.append("its disk is full")
        wait_until(lambda: listed(gateway, "moody") is None, "its lease has expired")
        assert "its disk is full" in caplog.text
        reasons.append(None)
        wait_until(lambda: listed(gateway, "moody"), "it is back")
        assert "all is well again" in caplog.text
    assert kinds(gateway, "moody") == ["registered", "expired", "recovered", "deregistered"]


def test_scaicontrol_is_told_that_a_service_is_not_well(gateway: Gateway) -> None:
    token = gateway.token("accounting", "registry:manage")
    reasons: list[str | None] = [None]

    async def check() -> str | None:
        if reasons[-1] == "broken":
            raise ValueError(reasons[-1])
        return reasons[-1]

    usual: Usual = {"id": "accounting", "name": "Accounting", "version": "1"}
    with Registration(gateway.url, "scaicontrol", key=token, interval=0.3, check=check, **usual):
        for reason, reported in ((None, "healthy"), ("broken", "unhealthy"), (None, "healthy")):
            reasons.append(reason)
            wait_until(partial(reports, gateway, "accounting", reported), f"it reports {reported}")


def reports(gateway: Gateway, key: str, health: str) -> bool:
    """Tell whether a service of ScaiControl reported this health last."""
    answer = gateway.http.get(f"/catalog/v1/services/scaicontrol/{key}")
    return answer.status_code == 200 and answer.json()["reported"] == health


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(200, b"x" * (MOST_BYTES + 1)), "answers with more than 16 MiB; is it a gateway?"),
        (Reply(301, headers={"Location": "https://elsewhere/"}), "a redirect to https://elsewhere/"),
        (Reply(404, b"<html>"), "answers 404; is the URL right?"),
        (Reply(200, b"<html>"), "another server answers 200 with a web page; is the URL right?"),
        (Reply(422, b'{"detail":[{"loc":["body","info"],"msg":"Field required"}]}'), "body.info: Field required"),
        (Reply(503, b'{"detail":"no database"}', {"Retry-After": "1"}), "answers 503: no database"),
        (Reply(429, b'{"detail":"too many"}', {"Retry-After": "1"}), "answers 429: too many"),
    ],
)
def test_what_goes_wrong_is_said_once_and_repaired_later(
    reply: Reply, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    fine = Reply(200, b'{"ttl_seconds":3}')
    with Scripted(reply, reply, fine).running() as script:
        with Registration(script.url, "chap", MODEL, key=KEY, interval=0.5) as registration:
            wait_until(lambda: registration.registered, "it is registered")
        assert caplog.text.count(words) == 1
        assert set(script.requests[:3]) == {"POST /v2/services/$register"}
        assert script.requests[-1] == "DELETE /v2/services/my-model"
        assert {headers["x-service-key"] for headers in script.headers} == {KEY}
        assert KEY not in caplog.text


def test_who_was_refused_does_not_deregister(caplog: pytest.LogCaptureFixture) -> None:
    with Scripted(Reply(401)).running() as script:
        with Registration(script.url, "chap", MODEL):
            wait_until(lambda: "answers 401" in caplog.text, "it was refused")
        assert script.requests == ["POST /v2/services/$register"]


@pytest.mark.parametrize(("status", "said"), [(204, True), (404, False)])
def test_a_service_that_was_gone_is_not_called_deregistered(
    status: int, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    fine = Reply(200, b'{"ttl_seconds":3}')
    with Scripted(fine, Reply(status)).running() as script, Registration(script.url, "chap", MODEL) as registration:
        wait_until(lambda: registration.registered, "it is registered")
    assert ("deregistered" in caplog.text) is said


def test_a_deregistration_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    fine = Reply(200, b'{"ttl_seconds":3}')
    with Scripted(fine, Reply(503)).running() as script, Registration(script.url, "chap", MODEL) as registration:
        wait_until(lambda: registration.registered, "it is registered")
    assert "not deregistered, so its lease will expire" in caplog.text


@pytest.mark.slow
def test_a_gateway_that_does_not_answer_holds_the_end_back_for_five_seconds(caplog: pytest.LogCaptureFixture) -> None:
    late = Reply(200, delay=DEREGISTERING + 3)
    with Scripted(Reply(200, b'{"ttl_seconds":90}'), late).running() as script:
        with Registration(script.url, "chap", MODEL) as registration:
            wait_until(lambda: registration.registered, "it is registered")
            began = time.monotonic()
        assert 4.5 < time.monotonic() - began < 7
    assert "not deregistered, so its lease will expire" in caplog.text


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted(Reply(200, b'{"ttl_seconds":3}')).running() as script:
        monkeypatch.setenv("HTTP_PROXY", script.url)
        with Registration("http://gateway.invalid:8765", "chap", MODEL) as registration:
            wait_until(lambda: registration.registered, "it is registered")
        assert script.requests[0] == "POST http://gateway.invalid:8765/v2/services/$register"


def test_a_registration_is_used_once() -> None:
    with Scripted(Reply(200)).running() as script:
        registration = Registration(script.url, "chap", MODEL)
        with registration:
            pass
        with pytest.raises(RuntimeError, match="is used once"), registration:
            pass


def test_tls_with_an_authority_of_ones_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Tls(*(str(tmp_path / f"{name}.pem") for name in Tls._fields))
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(paths.certificate)
    certificate.private_key_pem.write_to_path(paths.key)
    authority.cert_pem.write_to_path(paths.authority)
    with running_gateway(tmp_path, tls=paths) as gateway:
        with Registration(gateway.url, "chap", MODEL):
            wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text, "it does not trust the gateway")
            assert "set SSL_CERT_FILE" in caplog.text
        with Registration(gateway.url, "chap", MODEL, verify=paths.authority):
            wait_until(lambda: listed(gateway, "my-model"), "it is registered")
        assert listed(gateway, "my-model") is None
        monkeypatch.setenv("SSL_CERT_FILE", paths.authority)
        with Registration(gateway.url, "chap", MODEL):
            wait_until(lambda: listed(gateway, "my-model"), "it is registered")
        with Registration(f"http://127.0.0.1:{gateway.port}", "chap", MODEL):
            said = re.compile("can't reach|broke the connection")  # whichever end of the connection is seen first
            wait_until(lambda: len(said.findall(caplog.text)) == 2, "it complains")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"gateway": "gateway:8765"}, "the gateway's URL must be a URL that starts with http://"),
        ({"gateway": "http://me:secret@gateway"}, "has a user or a password"),
        ({"dialect": "corba"}, "no dialect corba"),
        ({"document": {}}, "chap needs id and name and url"),
        ({"document": {**MODEL, "extra": object()}}, "the document can't be written as JSON"),
        ({"tools": [TOOL]}, "chap has no tools apart from the document"),
        ({"interval": 0}, "the interval must be from 0.1 to 1,000,000,000 seconds, not 0"),
        ({"interval": float("nan")}, "the interval must be from 0.1 to .* seconds, not nan"),
        ({"verify": os.devnull}, "can't read certificates from"),
        ({"key": "two\nlines"}, "must be one line of ASCII"),
    ],
)
def test_arguments_that_can_not_be_used_are_refused(arguments: dict[str, Any], words: str) -> None:
    usable: dict[str, Any] = {"gateway": "http://gateway", "dialect": "chap", "document": MODEL}
    with pytest.raises(ValueError, match=words) as caught:
        Registration(**{**usable, **arguments})
    assert "secret" not in str(caught.value)
