"""Signatures, verified by the library of the specification as receivers do."""

import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from registry_gateway.observability.masking import masked
from registry_gateway.webhooks import signature

BODY = '{"type":"registry.events","data":{"name":"Ünïcode 服务"}}'.encode()


def test_a_receiver_accepts_a_message_and_no_other() -> None:
    secret = signature.new_secret()
    headers = signature.headers("msg_1", BODY, [secret], time.time())
    assert Webhook(secret).verify(BODY, headers)["type"] == "registry.events"
    for body, changed in [
        (BODY + b" ", headers),
        (BODY, headers | {"webhook-id": "msg_2"}),
        (BODY, headers | {"webhook-timestamp": str(int(time.time()) - 1)}),
    ]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, changed)


def test_either_secret_is_enough_in_a_rotation() -> None:
    old, new, other = (signature.new_secret() for _ in range(3))
    headers = signature.headers("msg_1", BODY, [new, old], time.time())
    assert Webhook(old).verify(BODY, headers)
    assert Webhook(new).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


def test_an_old_message_is_refused() -> None:
    secret = signature.new_secret()
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(BODY, signature.headers("msg_1", BODY, [secret], time.time() - 600))


def test_secrets_are_masked_in_text_from_outside() -> None:
    for _ in range(50):
        secret = signature.new_secret()
        assert secret.startswith("whsec_")
        assert masked(f"secret={secret}.") == "secret=********."
