"""The registry of a published chap-core, on a real Redis."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.child import Child
from tests.e2e.clients import ClientEnvironment, MissingInterpreterError
from tests.e2e.gateway import unused_port
from tests.e2e.polling import wait_until
from tests.e2e.redis_server import PASSWORD, RedisServer

CHAP_CORE_REGISTRY = ClientEnvironment(
    "chap-core-registry",
    # Without the others that chap-core requires: its routes below /v2 need none of them.
    (
        "--no-deps",
        "chap-core==2.5.1",
        "annotated-doc==0.0.7",
        "annotated-types==0.8.0",
        "anyio==4.16.0",
        "certifi==2026.10.19.post1",
        "charset-normalizer==3.5.3",
        "click==8.5.1",
        "dnspython==2.9.2",
        "email-validator==2.4.0",
        "fastapi==0.165.0",
        "h11==0.16.0",
        "httpcore==1.0.9",
        "httpx==0.28.1",
        "idna==3.20",
        "numpy==2.5.5",
        "opentelemetry-api==1.45.2",
        "pydantic==2.14.4",
        "pydantic_core==2.50.5",
        "redis==8.1.0",
        "requests==2.34.2",
        "SQLAlchemy==2.1.9",
        "sqlmodel==0.0.50",
        "starlette==1.10.0",
        "typing-inspection==0.4.5",
        "typing_extensions==4.16.0",
        "urllib3==2.8.0",
        "uvicorn==0.54.0",
    ),
    python="3.13",
)
PROGRAM = Path(__file__).parent / "programs" / "chap_core_registry.py"


@contextmanager
def chap_core_registry(
    directory: Path, redis: RedisServer, settings: Mapping[str, str], port: int | None = None
) -> Iterator[httpx.Client]:
    """The registry as a process with chap-core's own `settings`; a client of it. Skips without Python 3.13."""
    try:
        python = CHAP_CORE_REGISTRY.executable("python")
    except MissingInterpreterError as error:
        pytest.skip(str(error))
    port = unused_port() if port is None else port
    of_redis = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port), "REDIS_PASSWORD": PASSWORD}
    log = directory / "chap-core.log"
    # -P: beside the program is one whose name is that of chap-core's package.
    child = Child(
        [python, "-P", PROGRAM, str(port)], log=log, directory=directory, environment={**of_redis, **settings}
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
    try:

        def ready() -> bool:
            assert child.exit_code is None, child.log()
            try:
                return client.get("/openapi.json").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(ready, "chap-core answers", evidence=child.log)
        yield client
    finally:
        client.close()
        child.close()
