"""Starts runspec-registry through its own command line, but for one thing: its rate limit by address is off.

Runs in the environment of the peer, which knows nothing of this project. All load comes from one address here, and
the limit (120 heartbeats a minute) would be all there is to measure.
"""

from typing import Any

from runspec_registry import app, cli

create_app = app.create_app


def create_unlimited_app(**options: Any) -> Any:
    """Build the peer's application as it does itself, and switch its limiter off."""
    application = create_app(**options)
    application.state.limiter.enabled = False
    return application


app.create_app = create_unlimited_app

if __name__ == "__main__":
    cli.main()
