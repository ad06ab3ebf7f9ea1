"""Signatures of messages, by the library of the Standard Webhooks specification (https://www.standardwebhooks.com)."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook as Signer

BYTES = 32
"""Random bytes of a secret; the specification asks for 24 to 64."""


def new_secret() -> str:
    """Return a new secret in the specification's form: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def headers(message_id: str, body: bytes, signing: Sequence[str], now: float) -> dict[str, str]:
    """Return the three headers of a message that is sent at `now`, with a signature by each secret of `signing`.

    A receiver accepts the message if one of the signatures is right, so that it may know either secret in a rotation.
    """
    at = datetime.fromtimestamp(int(now), UTC)
    text = body.decode()
    signatures = [Signer(secret).sign(message_id, at, text) for secret in signing]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(signatures),
    }
