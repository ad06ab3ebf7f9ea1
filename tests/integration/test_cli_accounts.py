"""`accounts rotate`, tokens that end, and what `accounts list` and `events` say of them."""

import json
import re
from typing import Any

import anyio
import pytest

from registry_gateway.auth.accounts import Accounts
from registry_gateway.core.clock import SystemClock
from registry_gateway.store.engine import Store
from tests.conftest import DAY
from tests.integration.command_line import command, complaint, output


def _works(url: str, token: str) -> bool:
    async def ask() -> bool:
        store = Store(url)
        try:
            return await Accounts(store, SystemClock()).authenticate(token) is not None
        finally:
            await store.close()

    return anyio.run(ask)


def _account(url: str) -> dict[str, Any]:
    (listed,) = json.loads(output(url, "accounts", "list", "--json"))
    account: dict[str, Any] = listed
    return account


def test_both_tokens_work_until_the_overlap_is_over(database_url: str) -> None:
    old = output(database_url, "accounts", "create", "scaiflow").strip()
    result = command(database_url, "accounts", "rotate", "scaiflow", "--expires", "90d")
    new = result.stdout.removesuffix("\n")
    assert re.fullmatch(r"rgw_\w+_[\w-]{43}", new)
    assert re.match(rf"Token {old.rpartition('_')[0][:20]}\S* ends \S+ \S+; never used\.\n", result.stderr)
    assert _works(database_url, old)
    assert _works(database_url, new)

    first, second = _account(database_url)["tokens"]
    assert first["expires_at"] - second["created_at"] == pytest.approx(DAY)
    assert second["expires_at"] - second["created_at"] == pytest.approx(90 * DAY)
    assert first["last_used_at"] is not None

    rows = output(database_url, "accounts", "list").splitlines()
    assert [row.split()[:3] for row in rows[1:]] == [["scaiflow", "active", f"rgw_{t['id']}"] for t in (first, second)]
    assert all(re.search(r" \ds ago +registry:manage +any$", row) for row in rows[1:])
    assert new.split("_", 2)[2][:10] not in "".join(rows)  # the secret itself may have underscores

    output(database_url, "accounts", "rotate", "scaiflow", "--overlap", "0")
    assert not _works(database_url, old)
    assert not _works(database_url, new)
    assert " ended " in output(database_url, "accounts", "list")


def test_a_shorter_end_is_not_put_off(sqlite_url: str) -> None:
    output(sqlite_url, "accounts", "create", "scaiflow", "--expires", "1h")
    output(sqlite_url, "accounts", "rotate", "scaiflow", "--overlap", "7d")
    first, second = _account(sqlite_url)["tokens"]
    assert first["expires_at"] - first["created_at"] == pytest.approx(3600)
    assert second["expires_at"] is None


def test_tokens_that_have_ended_go_with_the_next_rotation(sqlite_url: str) -> None:
    output(sqlite_url, "accounts", "create", "scaiflow")
    for _ in range(3):
        output(sqlite_url, "accounts", "rotate", "scaiflow", "--overlap", "0")
    assert len(_account(sqlite_url)["tokens"]) == 2


def test_what_happens_to_accounts_is_on_record(sqlite_url: str) -> None:
    token = output(sqlite_url, "accounts", "create", "scaiflow", "--slug", "a").strip()
    output(sqlite_url, "accounts", "rotate", "scaiflow")
    output(sqlite_url, "accounts", "revoke", "scaiflow")
    output(sqlite_url, "accounts", "revoke", "scaiflow")
    lines = output(sqlite_url, "events", "--service", "account:scaiflow").splitlines()
    assert [line.split()[2] for line in lines] == ["account_created", "account_rotated", "account_revoked"]
    assert all(re.search(r"  account:scaiflow +cli:\S+ \(\S+\)", line) for line in lines)
    assert f"scopes=registry:manage  services=a  token={token.split('_')[1]}" in lines[0]
    assert re.search(r"others_end_at=\d{4}-\d\d-\d\d ", lines[1])
    assert token.split("_", 2)[2] not in output(sqlite_url, "events", "--json")


@pytest.mark.parametrize("span", ["", "90", "1.5h", "-1d", "0d", "9999999d", "1w", "٣d"])
def test_spans_that_are_invalid(sqlite_url: str, span: str) -> None:
    message = complaint(sqlite_url, "accounts", "create", "x", "--expires", span)
    assert message.startswith("Invalid value for '--expires'")


def test_rotations_that_are_invalid(sqlite_url: str) -> None:
    assert complaint(sqlite_url, "accounts", "rotate", "nobody") == "there is no account nobody"
    output(sqlite_url, "accounts", "create", "gone")
    output(sqlite_url, "accounts", "revoke", "gone")
    message = complaint(sqlite_url, "accounts", "rotate", "gone")
    assert message == "the account gone is revoked; create another one"
