"""Findings about webhooks: those that fail, and those that are disabled."""

from collections.abc import Sequence

from registry_gateway.core.webhook import State, WebhookView
from registry_gateway.doctor.rules.finding import Finding, error, warning

FAILING_SECONDS = 300.0
"""Seconds of failures from which on they are reported: shorter ones are restarts of the receiver."""


def of_webhooks(webhooks: Sequence[WebhookView], now: float) -> list[Finding]:
    """Return the findings about the webhooks of a database."""
    found = []
    for webhook in webhooks:
        which = f"Webhook {webhook.id} ({webhook.url})"
        if webhook.state is State.DISABLED:
            advice = (
                f"Correct the receiver, try it with `registry-gateway webhooks test {webhook.id}`, then run "
                f"`registry-gateway webhooks enable {webhook.id}`; or remove the webhook."
            )
            found.append(error("webhook_disabled", f"{which} is disabled: {webhook.disabled_reason}", advice))
        elif webhook.failing_since is not None and now - webhook.failing_since >= FAILING_SECONDS:
            hours = (now - webhook.failing_since) / 3_600
            summary = f"{which} has failed for {hours:.1f} hours, {webhook.failures} times in succession"
            advice = (
                f"`registry-gateway webhooks deliveries {webhook.id}` has the answers. After a day of failures the "
                "webhook is disabled."
            )
            found.append(warning("webhook_failing", summary, advice))
    return found
