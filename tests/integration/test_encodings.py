"""JSON bodies in other encodings than UTF-8, as Python's json reads them: the reference servers use it."""

import json

import pytest

from tests.conftest import GatewayFactory
from tests.integration.chap_service import REGISTER, payload
from tests.integration.scaicontrol_account import REGISTER as SCAICONTROL
from tests.integration.scaicontrol_account import data, service

pytestmark = pytest.mark.anyio

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
NAME = "Größe €"


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_each_dialect_reads_each_encoding(start_gateway: GatewayFactory, sqlite_url: str, encoding: str) -> None:
    def encoded(document: object) -> bytes:
        return json.dumps(document, ensure_ascii=False).encode(encoding)

    async with start_gateway(sqlite_url) as client:
        agent = {"instance_id": "a1", "name": NAME, "version": "1", "host": "h"}
        assert (await client.post("/instances", content=encoded(agent))).status_code == 201
        assert (await client.get("/instances/a1")).json()["name"] == NAME
        tools = {"tools": [{"name": "t", "description": NAME, "x-note": NAME}]}
        assert (await client.post("/instances/a1/tools", content=encoded(tools))).status_code == 200
        assert (await client.get("/tools/t")).json()["description"] == NAME
        beat = await client.post("/instances/a1/heartbeat", content=encoded({"system": {"pid": 1}}))
        assert (beat.status_code, beat.json()) == (200, {"status": "ack"})

        assert (await client.post(REGISTER, content=encoded(payload(display_name=NAME, later=NAME)))).status_code == 200
        info = (await client.get("/v2/services/my-model")).json()["info"]
        assert (info["display_name"], info["later"]) == (NAME, NAME)

        billing = await service(client)
        document = {"slug": "invoices", "name": NAME, "version": "1"}
        assert data(await billing.send("POST", SCAICONTROL, encoded(document)), 201)["name"] == NAME


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{", b"\xfe\xff\xd8\x00", b"\x00", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"\xef\xbb\xbf{\xff}", b"\xff"]
)
async def test_what_is_none_of_them_is_refused(start_gateway: GatewayFactory, sqlite_url: str, body: bytes) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in ("/instances", REGISTER):
            answer = await client.post(path, content=body)
            assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "json_invalid")
