"""The settings of the mirror: what starts, and what is refused in one line."""

import sys
from typing import Any

import pytest

from gateway_chap import adapter
from registry_gateway import settings
from registry_gateway.app import create_app
from registry_gateway.settings import SettingsError

NAME = "REGISTRY_GATEWAY_CHAP_REDIS_URL"


def start(url: str) -> Any:
    """Make a gateway that mirrors to this Redis."""
    return create_app(settings.load([adapter], {NAME: url}), [adapter])


@pytest.mark.parametrize(
    "url",
    ["redis://redis/3", "redis://:a%40b@[::1]:6380/3", "rediss://user:password@redis:6379/3?ssl_cert_reqs=none"],
)
def test_urls_of_database_3_are_accepted(url: str) -> None:
    assert start(url).mounts["chap"].lifespan is not None


@pytest.mark.parametrize(
    "url",
    ["redis", "http://redis/3", "unix:///run/redis.sock", "redis:///3", "redis://redis:port/3", "redis://redis/three"],
)
def test_what_is_no_url_of_a_redis_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{NAME}: must be redis://.*/3, or rediss:// for TLS$"):
        start(url)


@pytest.mark.parametrize("url", ["redis://:secret@redis", "redis://:secret@redis/0", "redis://:secret@redis/3?db=2"])
def test_another_database_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"but chap-core 2\.x looks in 3 alone") as raised:
        start(url)
    assert "secret" not in str(raised.value)


def test_without_the_client_of_redis_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("gateway_chap.mirror", "gateway_chap.chap_core_redis"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match=r"needs the package redis.*: install registry-gateway\[chap-core\]$"):
        start("redis://redis/3")
    start_without = create_app(settings.load([adapter], {}), [adapter])
    assert start_without.mounts["chap"].lifespan is None
