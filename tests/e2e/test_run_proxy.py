"""A chapkit model behind the run proxy of a gateway process."""

import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from tests import loopback
from tests.e2e import chap_service
from tests.e2e.browser import Tab, running_browser
from tests.e2e.clients import CHAPKIT
from tests.e2e.gateway import CHAP_TTL, running_gateway
from tests.e2e.polling import wait_until

pytestmark = pytest.mark.slow

KEY = "the-models-registration-key"
SETTINGS = {
    "SERVICEKIT_REGISTRATION_KEY": KEY,
    "REGISTRY_GATEWAY_CHAP_RUN_PROXY": "true",
    "REGISTRY_GATEWAY_CHAP_RUN_PROXY_OWN_ADDRESSES": "true",
}
RUN = "/v2/services/my-model/run"


def test_a_published_model_is_read_through_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with running_gateway(tmp_path, SETTINGS) as gateway:
        model = chap_service.launch(CHAPKIT, gateway, tmp_path / "model", "my-model", KEY, flavour="chapkit")
        try:
            document = wait_until(model.document, "the model is registered", evidence=model.child.log)
            for path, status in (("/openapi.json", 200), ("/docs?x=%2F", 200), ("/no/such/page", 404)):
                direct = httpx.get(document["url"] + path, trust_env=False)
                answer = gateway.http.get(RUN + path)
                assert (answer.status_code, answer.content) == (direct.status_code, direct.content)
                assert (answer.status_code, answer.headers["content-security-policy"]) == (status, "sandbox")
            assert gateway.http.post(f"{RUN}/api/v1/configs", json={}).status_code == 405

            model.child.kill()
            died_at = time.monotonic()
            answer = gateway.http.get(f"{RUN}/docs")
            assert (answer.status_code, answer.json()) == (502, {"detail": "Service my-model is unreachable"})
            wait_until(lambda: gateway.http.get(f"{RUN}/docs").status_code == 404, "the model has lapsed")
            assert time.monotonic() - died_at < CHAP_TTL + 2
        finally:
            model.child.close()


class Hostile(BaseHTTPRequestHandler):
    """A model whose page wants the token that an administrator has entered in the gateway's page."""

    def do_GET(self) -> None:
        script = b"<script>document.title = sessionStorage.getItem('token')</script>"
        body = b"<title>quiet</title><p id=shown>shown</p>" + script
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def test_a_browser_runs_nothing_of_a_model(tmp_path: Path) -> None:
    with running_browser() as browser, running_gateway(tmp_path, SETTINGS) as gateway, loopback.serve(Hostile) as port:
        body = {"url": f"http://127.0.0.1:{port}", "info": {"id": "my-model", "display_name": "My model"}}
        headers = {"X-Service-Key": KEY}
        assert gateway.http.post("/v2/services/$register", json=body, headers=headers).status_code == 200
        tab = Tab(browser, gateway)
        tab.open("/").evaluate("sessionStorage.setItem('token', 'stolen')")
        page = tab.open(f"{RUN}/page.html")
        assert page.text_content("#shown") == "shown"
        assert page.title() == "quiet"
        assert page.evaluate("self.origin") == "null"
        assert tab.context.cookies() == []
        page.goto(f"http://127.0.0.1:{port}/page.html")
        assert page.title() == "null"  # from the model itself the script runs: in an origin that has no token
        tab.close()
