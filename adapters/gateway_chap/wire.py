"""The bodies of the CHAP v2 service registration (chap-core 2.1, servicekit 3.0)."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry_gateway.adapter import SLUG, LongText, Text, Timestamp

Slug = Annotated[str, Meta(max_length=255, pattern=SLUG)]


class ModelMetadata(msgspec.Struct):
    """Authors and assessment of a model. Unknown members are accepted."""

    author: LongText | None = None
    author_note: LongText | None = None
    author_assessed_status: Literal["gray", "red", "orange", "yellow", "green"] | None = None
    contact_email: LongText | None = None
    organization: LongText | None = None
    organization_logo_url: LongText | None = None
    citation_info: LongText | None = None
    repository_url: LongText | None = None
    documentation_url: LongText | None = None


class Info(msgspec.Struct):
    """servicekit's ServiceInfo; with the members below `model_metadata`, chapkit's MLServiceInfo."""

    id: Slug
    display_name: Text
    version: Text = "1.0.0"
    description: LongText | None = None
    model_metadata: ModelMetadata | msgspec.UnsetType | None = msgspec.UNSET
    period_type: Literal["weekly", "monthly", "any"] | msgspec.UnsetType = msgspec.UNSET
    min_prediction_periods: int | msgspec.UnsetType = msgspec.UNSET
    max_prediction_periods: int | msgspec.UnsetType = msgspec.UNSET
    allow_free_additional_continuous_covariates: bool | msgspec.UnsetType = msgspec.UNSET
    required_covariates: list[LongText] | msgspec.UnsetType = msgspec.UNSET
    requires_geo: bool | msgspec.UnsetType = msgspec.UNSET


class RegisterRequest(msgspec.Struct):
    """Body of `$register`. `info` is checked but stored as sent, so that members of newer clients are returned."""

    url: Annotated[Text, Meta(min_length=1)]
    info: Info


class InfoAsSent(msgspec.Struct):
    """The same body with the members of `info` as sent."""

    info: dict[str, msgspec.Raw]


class RegisterResponse(msgspec.Struct):
    """Answer to `$register`. servicekit uses `ping_url` verbatim."""

    id: str
    status: Literal["registered"]
    service_url: str
    message: str
    ttl_seconds: int | float
    ping_url: str


class PingResponse(msgspec.Struct):
    """Answer to `$ping`. Times are ISO 8601 with an offset."""

    id: str
    status: Literal["alive"]
    last_ping_at: Timestamp
    expires_at: Timestamp


class Service(msgspec.Struct):
    """A live service. `info` is as it was sent, with unknown members."""

    id: Slug
    url: str
    info: Info
    registered_at: Timestamp
    last_updated: Timestamp
    last_ping_at: Timestamp
    expires_at: Timestamp


class Services(msgspec.Struct):
    """The live services."""

    count: int
    services: list[Service]
