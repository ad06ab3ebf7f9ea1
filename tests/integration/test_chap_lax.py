"""Integers and booleans in other spellings, as chap-core reads them.

The tables are the answers of chap-core's own models (chap_core/rest_api/services/schemas.py of 2.5.1) under FastAPI
0.165 and pydantic 2.14.
"""

import pytest

from tests.conftest import GatewayFactory
from tests.integration.chap_service import REGISTER, info_of, payload

pytestmark = pytest.mark.anyio

INTEGERS: list[tuple[object, int | str]] = [
    ("3", 3),
    (" 3 ", 3),
    ("\n3\u00a0", 3),
    ("+3", 3),
    ("-3", -3),
    ("03", 3),
    ("3.0", 3),
    ("1_000", 1000),
    ("999999999999999999999999999999", 999999999999999999999999999999),
    (3, 3),
    (3.0, 3),
    (1e2, 100),
    (1e18, 10**18),
    (True, 1),
    (False, 0),
    (10**30, 10**30),
    ("3.5", "int_parsing"),
    ("1e2", "int_parsing"),
    ("1__0", "int_parsing"),
    ("3.", "int_parsing"),
    ("0x3", "int_parsing"),
    ("\uff13", "int_parsing"),
    ("true", "int_parsing"),
    ("", "int_parsing"),
    (3.5, "int_from_float"),
    (1e300, "int_parsing_size"),
    (2.0**63, "int_parsing_size"),
    (None, "int_type"),
    ([3], "int_type"),
]

NOT_BOOLEAN: list[object] = [1.5, None, [], {}]
BOOLEANS: list[tuple[object, bool | str]] = [
    *((sent, True) for sent in ("true", "True", "tRuE", "t", "yes", "Y", "on", "1", 1, 1.0, True)),
    *((sent, False) for sent in ("false", "False", "f", "no", "N", "off", "0", 0, 0.0, -0.0, False)),
    *((sent, "bool_parsing") for sent in ("", "2", " true", "enabled", 2, -1, 2.0)),
    *((sent, "bool_type") for sent in NOT_BOOLEAN),
]


@pytest.mark.parametrize(
    ("member", "table"),
    [
        ("min_prediction_periods", INTEGERS),
        ("max_prediction_periods", INTEGERS),
        ("requires_geo", BOOLEANS),
        ("allow_free_additional_continuous_covariates", BOOLEANS),
    ],
)
async def test_what_is_read_from_other_spellings(
    start_gateway: GatewayFactory, sqlite_url: str, member: str, table: list[tuple[object, object]]
) -> None:
    async with start_gateway(sqlite_url) as client:
        for sent, wanted in table:
            answer = await client.post(REGISTER, json=payload(**{member: sent}, later="3"))
            if isinstance(wanted, str):
                assert answer.status_code == 422, sent
                [problem] = answer.json()["detail"]
                assert (problem["type"], problem["loc"]) == (wanted, ["body", "info", member]), sent
                continue
            assert answer.status_code == 200, (sent, answer.text)
            info = await info_of(client)
            assert (info[member], type(info[member])) == (wanted, type(wanted)), sent
            assert info["later"] == "3"  # what no document names comes back as it came


async def test_text_is_made_of_nothing_else(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for sent in (3, 1.5, True, None, ["d"]):
            answer = await client.post(REGISTER, json=payload(display_name=sent, requires_geo="yes"))
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["loc"] == ["body", "info", "display_name"]
