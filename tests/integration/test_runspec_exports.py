"""The hosts of runspec agents as session files of SSH clients."""

from xml.etree import ElementTree

import pytest

from tests.conftest import GatewayFactory
from tests.integration.runspec_agent import register

pytestmark = pytest.mark.anyio


async def test_superputty(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        await register(client, "gone", host="web-00")
        await client.delete("/instances/gone")
        answer = await client.get("/export/superputty", params={"user": "joe"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/xml"
        assert answer.headers["content-disposition"] == "attachment; filename=runspec-sessions.xml"
        assert answer.text == (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            '<ArrayOfSessionData xmlns="http://schemas.datacontract.org/2004/07/SuperPuTTY"'
            ' xmlns:i="http://www.w3.org/2001/XMLSchema-instance">\n'
            "  <SessionData>\n"
            "    <Host>web-01</Host>\n"
            "    <Port>22</Port>\n"
            "    <Proto>SSH</Proto>\n"
            "    <PuttySession>Default Settings</PuttySession>\n"
            "    <SessionId>runspec/portal/web-01</SessionId>\n"
            "    <SessionName>portal (web-01)</SessionName>\n"
            "    <Username>joe</Username>\n"
            "  </SessionData>\n"
            "</ArrayOfSessionData>"
        )


async def test_mobaxterm(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        answer = await client.get("/export/mobaxterm", params={"user": "joe"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-disposition"] == "attachment; filename=runspec.mxtsessions"
        head = "[Bookmarks]\nSubRep=runspec\nImgNum=42\n\n"
        assert answer.text == head + (
            "portal (web-01) =#109#0#web-01#22#joe##-1#0#0#0#1080##0#0#0#-1#0#0#0#0\n"  # as the reference writes it
        )
        bare = (await client.get("/export/mobaxterm")).text
        assert bare == head + "portal (web-01) =#109#0#web-01#22###-1#0#0#0#1080##0#0#0#-1#0#0#0#0\n"


async def test_exports_hold_whatever_the_names_are(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    nasty = "[a]\r\n#b=<c>&'\"\x01\x85\u2028\ufffe]]>;%|é"
    async with start_gateway(sqlite_url) as client:
        await register(client, name=nasty, host=nasty)
        xml = ElementTree.fromstring((await client.get("/export/superputty", params={"user": nasty})).content)
        printable = "[a]  #b=<c>&'\"    ]]>;%|é"
        space = "{http://schemas.datacontract.org/2004/07/SuperPuTTY}"
        session = {element.tag.removeprefix(space): element.text for element in xml[0]}
        assert session["Username"] == session["Host"] == printable
        assert session["SessionName"] == f"{printable} ({printable})"
        lines = (await client.get("/export/mobaxterm", params={"user": nasty})).text.split("\n")
        assert (len(lines), lines[-1]) == (6, "")
        name, _, fields = lines[4].partition("=")
        assert name.startswith("(a)  __DIEZE__b-")
        assert len(fields.split("#")) == 21
        assert fields.split("#")[4] == "22"


async def test_exports_of_nothing(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        assert len(ElementTree.fromstring((await client.get("/export/superputty")).content)) == 0
        assert (await client.get("/export/mobaxterm")).text == "[Bookmarks]\nSubRep=runspec\nImgNum=42\n\n"
