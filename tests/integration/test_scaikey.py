"""ScaiKey's tokens on the ScaiControl dialect: who gets in with them, when, and as whom."""

from typing import Any

import pytest

from registry_gateway.settings import SettingsError
from tests.conftest import START, GatewayFactory, ManualClock
from tests.integration.scaicontrol_account import Service, data, found, refused, service
from tests.integration.scaikey_issuer import (
    CURVE,
    FIRST,
    Issuer,
    assemble,
)

pytestmark = pytest.mark.anyio


# --- who passes


@pytest.mark.parametrize("signer", [FIRST, CURVE])
async def test_a_service_with_a_token_of_scaikey(
    start_gateway: GatewayFactory, database_url: str, issuer: Issuer, signer: Any
) -> None:
    issuer.keys = [FIRST.jwk(), CURVE.jwk()]
    async with start_gateway(database_url, issuer.environment) as client:
        flow = Service(client, issuer.token(signer))
        data(await flow.register("scaiflow"), 201)
        data(await flow.update("scaiflow", version="2"))
        data(await flow.heartbeat("scaiflow"))
        assert (await found(client, "scaiflow")).registration.owner == "scaikey:7f0c"
        assert (await flow.deregister("scaiflow")).status_code == 204
    assert issuer.asked == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "platform_token"},
        {"permissions": None, "scope": "openid registry:manage"},
        {"permissions": ["super_admin"]},
        {"permissions": None, "role": "super_admin"},
        {"permissions": [], "roles": ["viewer", "super_admin"]},
        {"permissions": ["registry:manage", 7, None], "scope": 7, "roles": {"a": 1}, "aud": ["x"], "more": {"a": []}},
        {"nbf": START, "iat": START, "aud": "somebody"},
        {"exp": START + 600.5},
    ],
)
async def test_tokens_that_pass(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, changes: dict[str, Any]
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, issuer.token(**changes)).register("scaiflow"), 201)


async def test_a_header_may_say_more(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    header = {"alg": "RS256", "kid": "first", "typ": "at+jwt", "tenant": "a", "x5c": ["A" * 3000], "jku": issuer.url}
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, assemble(header, issuer.claims(), FIRST)).register("scaiflow"), 201)
    assert issuer.asked == 1  # what a token names as the place of its keys is not gone to


# --- time and audience


async def test_a_token_ends_and_begins_with_a_minute_of_leeway(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        early, late = Service(client, issuer.token(nbf=START + 70)), Service(client, issuer.token(exp=START + 10))
        data(await late.register("scaiflow"), 201)
        assert "not valid yet" in refused(await early.heartbeat("scaiflow"), 401, "unauthorized")
        clock.advance(10)
        data(await early.heartbeat("scaiflow"))
        clock.advance(59.9)
        data(await late.heartbeat("scaiflow"))
        clock.advance(0.2)
        assert "expired" in refused(await late.heartbeat("scaiflow"), 401, "unauthorized")
        data(await early.heartbeat("scaiflow"))


@pytest.mark.parametrize(
    ("audience", "status"),
    [("registry", 201), (["other", "registry"], 201), (None, 401), ("other", 401), ([], 401), ("registry2", 401)],
)
async def test_the_audience_where_one_is_configured(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, audience: Any, status: int
) -> None:
    async with start_gateway(sqlite_url, {**issuer.environment, "SCAIKEY_AUDIENCE": "registry"}) as client:
        answer = await Service(client, issuer.token(aud=audience)).register("scaiflow")
        assert answer.status_code == status


# --- beside the gateway's own accounts


async def test_an_account_and_a_subject_of_one_name_are_two_owners(
    start_gateway: GatewayFactory, database_url: str, issuer: Issuer
) -> None:
    async with start_gateway(database_url, issuer.environment) as client:
        local = await service(client, "billing")
        theirs = Service(client, issuer.token(sub="billing"))
        disguised = Service(client, issuer.token(sub="account:billing"))
        other = Service(client, issuer.token(sub="other", role="super_admin"))
        data(await local.register("invoices"), 201)
        data(await theirs.register("ledger"), 201)
        for caller, slug in ((theirs, "invoices"), (disguised, "invoices"), (local, "ledger"), (other, "ledger")):
            for answer in (
                await caller.register(slug),
                await caller.update(slug),
                await caller.heartbeat(slug),
                await caller.deregister(slug),
            ):
                refused(answer, 403, "forbidden")
        data(await local.heartbeat("invoices"))
        data(await theirs.heartbeat("ledger"))


async def test_switched_off_unless_configured(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    async with start_gateway(sqlite_url) as client:
        refused(await Service(client, issuer.token()).register("scaiflow"), 401, "unauthorized")
        data(await (await service(client)).register("invoices"), 201)
    assert issuer.asked == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SCAIKEY_JWKS_URL": "https://scaikey.example/keys"}, "SCAIKEY_JWKS_URL: has no effect"),
        ({"SCAIKEY_AUDIENCE": "registry"}, "SCAIKEY_AUDIENCE: has no effect"),
        ({"SCAIKEY_ISSUER": ""}, "SCAIKEY_ISSUER is empty"),
        ({"SCAIKEY_ISSUER": "scaikey.example"}, "SCAIKEY_ISSUER: must be a URL"),
        ({"SCAIKEY_ISSUER": "file:///etc/passwd"}, "SCAIKEY_ISSUER: must be a URL"),
        ({"SCAIKEY_ISSUER": "https://"}, "SCAIKEY_ISSUER: must be a URL"),
        ({"SCAIKEY_ISSUER": "https://a:b"}, "SCAIKEY_ISSUER: must be a URL"),
        ({"SCAIKEY_ISSUER": "https://user:hunter2@a"}, "SCAIKEY_ISSUER: must have neither"),
        ({"SCAIKEY_ISSUER": "https://a", "SCAIKEY_JWKS_URL": "ftp://a/keys"}, "SCAIKEY_JWKS_URL: must be a URL"),
        ({"SCAIKEY_ISSUER": "https://a", "SCAIKEY_JWKS_URL": "https://a/#k"}, "SCAIKEY_JWKS_URL: must have neither"),
    ],
)
async def test_settings_that_are_invalid(
    start_gateway: GatewayFactory, sqlite_url: str, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        async with start_gateway(sqlite_url, environment):
            raise AssertionError
    assert "hunter2" not in str(caught.value)


async def test_a_proxy_that_can_not_be_used_is_a_setting_that_makes_no_sense(
    start_gateway: GatewayFactory, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2/@proxy")
    with pytest.raises(SettingsError, match="a proxy of the environment can't be used") as caught:
        async with start_gateway(sqlite_url, {"SCAIKEY_ISSUER": "https://a"}):
            raise AssertionError
    assert "hunter2" not in str(caught.value)
