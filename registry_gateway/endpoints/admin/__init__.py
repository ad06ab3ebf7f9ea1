"""Administration over HTTP, under `/admin/v1`: the changes that the command line can make, with the same operations.

It is disabled, and answers 404, unless there is a valid token with the scope `admin:registry`.
"""

from collections.abc import Sequence

from registry_gateway.adapter import Core
from registry_gateway.endpoints.admin.openapi import DESCRIPTION, OPERATIONS
from registry_gateway.endpoints.admin.routes import Admin
from registry_gateway.endpoints.admin.webhooks import WebhookAdmin
from registry_gateway.http.mount import Mount
from registry_gateway.http.problem_details import fault

SEGMENT = "admin"
"""The first path segment."""


def mount(core: Core, account_scopes: Sequence[str]) -> Mount:
    """Return the mount. An account that is created without scopes gets `account_scopes`."""
    routes = [*Admin(core, account_scopes).routes(), *WebhookAdmin(core).routes()]
    return Mount(routes, fault, OPERATIONS, DESCRIPTION)
