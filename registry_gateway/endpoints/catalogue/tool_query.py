"""The query parameters of the catalogue's endpoints for tools."""

from typing import Annotated

import msgspec
from msgspec import Meta

from registry_gateway.endpoints.catalogue.query import Limit
from registry_gateway.http.decode_errors import Text
from registry_gateway.http.query import Word


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/tools`."""

    dialect: Annotated[tuple[Word, ...], Meta(description="In one of these dialects, separated by commas.")] = ()
    q: Annotated[
        Text | None, Meta(description="With this in the name of the tool; upper and lower case are alike.")
    ] = None
    after: Annotated[Word | None, Meta(description="With a name after this one: `next` of the page before.")] = None
    limit: Annotated[Limit, Meta(description="Most tools on a page.")] = 100


class OneTool(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/tools/{name}`."""

    limit: Annotated[Limit, Meta(description="Most services that are returned.")] = 100
