"""Tokens that were pasted where they do not belong."""

import secrets

import pytest

from registry_gateway.auth.accounts import _Made
from registry_gateway.observability.masking import masked

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJpc3MiOiJodHRwczovL3gifQ.c2lnbmF0dXJl"


def test_a_token_as_accounts_make_them_keeps_its_id_alone() -> None:
    for _ in range(100):
        token = _Made(0.0, None).text
        number = token.split("_")[1]
        assert masked(f"there is no account {token}; try") == f"there is no account rgw_{number}_********; try"
        assert masked(f"/{token}/tools") == f"/rgw_{number}_********/tools"
        assert masked(f"{token} and {token}").count("********") == 2


def test_part_of_a_token_is_masked_too() -> None:
    token = f"rgw_{secrets.token_hex(8)}_abcd"
    assert masked(token).endswith("_********")


@pytest.mark.parametrize("text", [JWT, JWT.rpartition(".")[0], JWT[:-1], f"Bearer {JWT}", f"/v2/services/{JWT}/$ping"])
def test_a_jwt_is_masked(text: str) -> None:
    shown = masked(text)
    assert "********" in shown
    assert "eyJ" not in shown


@pytest.mark.parametrize(
    "text", ["", "rgw_", "rgw_team_alpha", "rgw_0123456789abcdef", "my-model", "eyJ", "eyJhbGciOi.json", "a.b.c"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text
