"""runspec, as its agents speak it; see docs/wire/runspec.md."""

from urllib.parse import quote

from registry_gateway.client.registration.dialect import ClientDialect, Document, Request, Tools


def _instance(document: Document) -> str:
    return f"/instances/{quote(dialect.key(document), safe='')}"


def _heartbeat(document: Document, well: bool) -> Request | None:
    # runspec-registry 0.1.1 refuses a heartbeat without a body.
    return Request("POST", f"{_instance(document)}/heartbeat", {}) if well else None


def _tools(document: Document, tools: Tools) -> Request:
    return Request("POST", f"{_instance(document)}/tools", {"tools": tools})


dialect = ClientDialect(
    name="runspec",
    members={"id": ("instance_id",), "name": ("name",), "host": ("host",), "version": ("version",)},
    required=("id", "name", "host", "version"),
    secret_header=lambda key: ("X-API-Key", key),
    secret_variable="REGISTRY_GATEWAY_RUNSPEC_API_KEY",  # noqa: S106 - the name of a variable
    lease=90.0,
    register=lambda document: Request("POST", "/instances", document),
    heartbeat=_heartbeat,
    deregister=lambda document: Request("DELETE", _instance(document)),
    asks_again=lambda body: body.get("status") == "refresh",
    tools=_tools,
)
