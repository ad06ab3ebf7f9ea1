"""A chapkit model behind the run proxy of a gateway process."""

import time
from pathlib import Path

import httpx
import pytest

from tests.e2e import chap_service
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
