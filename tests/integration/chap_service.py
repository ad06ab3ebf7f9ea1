"""A CHAP service as tests play it: what servicekit and chapkit register, and how they ping."""

from datetime import UTC, datetime
from typing import Any

import httpx

KEY = "service-key"
WITH_KEY = {"SERVICEKIT_REGISTRATION_KEY": KEY}
TTL = 30.0
REFUSE_LATE = {"REGISTRY_GATEWAY_CHAP_LATE_PING": "refuse"}
"""A late ping is a 404, as in the reference."""

REGISTER = "/v2/services/$register"
URL = "http://my-model:8080"
PLAIN: dict[str, Any] = {"id": "my-model", "display_name": "My model"}
"""The least that registers: servicekit's ServiceInfo."""

ML: dict[str, Any] = {
    "id": "my-model",
    "display_name": "My ML Model",
    "version": "1.0.0",
    "description": "A predictive model for disease forecasting",
    "model_metadata": {"author": "Your Name", "organization": "Your Org"},
    "period_type": "monthly",
    "min_prediction_periods": 1,
    "max_prediction_periods": 12,
}
"""The document's own example: chapkit's MLServiceInfo."""


def payload(**members: object) -> dict[str, Any]:
    """A registration of the plain service whose `info` differs in `members`."""
    return {"url": URL, "info": {**PLAIN, **members}}


def iso(time: float) -> str:
    """How a time (epoch seconds) is written."""
    return datetime.fromtimestamp(time, UTC).isoformat()


async def register(client: httpx.AsyncClient, **members: object) -> dict[str, Any]:
    """Register the plain service; the answer."""
    answer = await client.post(REGISTER, json=payload(**members))
    assert answer.status_code == 200, answer.text
    registered: dict[str, Any] = answer.json()
    return registered


async def ping(client: httpx.AsyncClient, key: str = "my-model") -> httpx.Response:
    """Ping as servicekit does: PUT, no body, no content type."""
    return await client.put(f"/v2/services/{key}/$ping")


async def info_of(client: httpx.AsyncClient, key: str = "my-model") -> dict[str, Any]:
    """The `info` of a service as it is answered."""
    answer = await client.get(f"/v2/services/{key}")
    assert answer.status_code == 200
    info: dict[str, Any] = answer.json()["info"]
    return info
