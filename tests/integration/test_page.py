"""The page over HTTP: what it is made of, and what browsers are told about it."""

import re
from importlib.resources import files

import httpx
import pytest

from tests.conftest import GatewayFactory

pytestmark = pytest.mark.anyio

PACKAGE = files("registry_gateway.endpoints.page")
SERVED = sorted(file.name for folder in ("scripts", "styles") for file in PACKAGE.joinpath(folder).iterdir())
PAGES = ["/", "/services/chap/malaria", "/services/runspec/web/01"]
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def addresses(page: httpx.Response) -> list[str]:
    """What a page loads and where its links lead, but for places in itself."""
    return [found for found in re.findall(r'(?:src|href)="([^"]+)"', page.text) if not found.startswith("#")]


@pytest.mark.parametrize("root_path", ["", "/registry"])
@pytest.mark.parametrize("path", PAGES)
async def test_all_that_a_page_loads_is_there(
    start_gateway: GatewayFactory, sqlite_url: str, root_path: str, path: str
) -> None:
    environment = {"REGISTRY_GATEWAY_ROOT_PATH": root_path} if root_path else {}
    async with start_gateway(sqlite_url, environment) as client:
        for asked in {path, root_path + path}:
            page = await client.get(asked)
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert len(addresses(page)) >= 6
            for address in addresses(page):
                assert address.startswith(f"{root_path}/")
                assert (await client.get(address)).status_code == 200, address
            assert f'data-root="{root_path}"' in page.text


async def test_a_prefix_without_its_slash_is_the_page_too(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_ROOT_PATH": "/registry"}) as client:
        assert (await client.get("/registry")).text == (await client.get("/registry/")).text


@pytest.mark.parametrize("path", [*PAGES, *(f"/page/{name}" for name in SERVED)])
async def test_nothing_inline_nothing_from_elsewhere_no_frame(
    start_gateway: GatewayFactory, sqlite_url: str, path: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.get(path)
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
        assert policy["img-src"] == "'self' data:"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)|javascript:", answer.text)
        loaded = [address for address in addresses(answer) if address.startswith(("http", "//"))]
        assert loaded == []


async def test_what_has_not_changed_is_not_sent_again(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in ("/", "/services/chap/malaria", "/page/style.css"):
            first = await client.get(path)
            again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert "content-security-policy" in again.headers


async def test_files_have_their_types_and_there_are_no_others(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    types = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
    async with start_gateway(sqlite_url) as client:
        for name in SERVED:
            answer = await client.get(f"/page/{name}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, types[name.rpartition(".")[2]])
        for name in ("shell.html", "none.js", "..%2F__init__.py", "%2e%2e%2fopenapi.py", ".js", "style"):
            assert (await client.get(f"/page/{name}")).status_code == 404


async def test_no_script_makes_markup_of_text() -> None:
    for script in PACKAGE.joinpath("scripts").iterdir():
        text = script.read_text("utf-8")
        unsafe = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage"
        assert not re.search(unsafe, text), script.name


async def test_the_page_has_no_data_and_needs_no_credential(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}) as client:
        empty = (await client.get("/")).text
        body = {"url": "http://malaria:8000", "info": {"id": "malaria", "display_name": "Malaria"}}
        assert (await client.post("/v2/services/$register", json=body)).is_success
        assert (await client.get("/catalog/v1/services")).status_code == 401
        assert (await client.get("/")).text == empty
        known, unknown = [(await client.get(f"/services/chap/{key}")).text for key in ("malaria", "none")]
        assert known == unknown


async def test_it_shows_how_to_register_in_each_dialect_that_is_spoken(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    environment = {"REGISTRY_GATEWAY_DIALECTS": "chap,runspec", "SERVICEKIT_REGISTRATION_KEY": "s3cret-of-the-gateway"}
    async with start_gateway(sqlite_url, environment) as client:
        page = (await client.get("/", headers={"Host": "registry.example.org"})).text
        assert (
            "curl -H &#x27;X-Service-Key: YOUR-KEY&#x27; &#x27;http://registry.example.org/v2/services/$register"
            in page
        )
        assert "http://registry.example.org/instances" in page
        assert "api/v1/registry" not in page
        assert "s3cret" not in page


async def test_a_host_is_no_markup(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in ("/", "/services/chap/x"):
            page = (await client.get(path, headers={"Host": 'x"><script>alert(1)</script>$root'})).text
            assert "<script>" not in page
            assert "&lt;script&gt;alert(1)&lt;/script&gt;$root" in page


async def test_a_path_that_leads_nowhere_is_a_page_to_those_who_look_at_pages(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_ROOT_PATH": "/registry"}) as client:
        for path in ("/nowhere", "/services", "/services/chap", "/page/none.js"):
            answer = await client.get(path, headers=HTML)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
            assert '<a href="/registry/">' in answer.text
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["vary"] == "Accept"
            assert "x-request-id" in answer.headers
            plain = await client.get(path)
            assert (plain.status_code, plain.json()) == (404, {"detail": "Not Found"})
        refused = await client.post("/nowhere", headers=HTML)
        assert (refused.status_code, refused.json()) == (404, {"detail": "Not Found"})
        assert (await client.post("/", headers=HTML)).status_code == 405


async def test_head_is_answered_like_get(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in PAGES:
            assert (await client.head(path)).status_code == 200


async def test_a_service_of_any_key_has_a_page(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for key in ("a%2Fb", "a/b/c", "%0A", "a%2F..%2Fb", "%3Cscript%3E", "%E2%82%AC", "events"):
            assert (await client.get(f"/services/runspec/{key}")).status_code == 200
