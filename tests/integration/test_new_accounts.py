"""Names and scopes that a new account can't have, over HTTP. The command line's are in test_cli_remote.py."""

import pytest

from tests.conftest import GatewayFactory, core_of
from tests.integration.test_admin import administrator, ask

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "bad name!"}, "letters, digits"),
        ({"name": "-x"}, "beginning with a letter or digit"),
        ({"name": "x" * 65}, "at most 64"),
        ({"name": " x"}, "beginning with a letter or digit"),
        ({"name": "x\n"}, "letters, digits"),
        ({"name": "ä"}, "letters, digits"),
        ({"name": "rgw_0123456789abcdef_x"}, "look like a token"),
        ({"name": "x", "scopes": ["registry:manage", "nonsense"]}, "there is no scope 'nonsense'; there are: registry"),
    ],
)
async def test_they_are_refused_in_words(
    start_gateway: GatewayFactory, sqlite_url: str, body: dict[str, object], words: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        refused = await ask(client, "accounts", body, 422)
        assert refused["code"] == "invalid_account"
        assert words in refused["detail"]
        assert [account.name for account in await core_of(client).accounts.list()] == ["ops"]


async def test_usual_names_and_all_scopes_are_accepted(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        for name in ("billing", "team-a.batch_2", "me@example.org", "7"):
            await ask(client, "accounts", {"name": name, "scopes": ["read:catalog", "super_admin"]}, 201)
