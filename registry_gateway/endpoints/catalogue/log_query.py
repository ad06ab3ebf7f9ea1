"""The query parameters of the event log of all services."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry_gateway.core import time_text
from registry_gateway.core.time_text import FORMS
from registry_gateway.endpoints.catalogue.query import CURSOR, Cursor, Limit
from registry_gateway.http.decode_errors import Text
from registry_gateway.http.problem_details import bad_parameter
from registry_gateway.http.query import Word
from registry_gateway.store.statements.log_search import SEARCHED, LogFilter

Kind = Literal[
    "registered",
    "updated",
    "version_changed",
    "health_changed",
    "approved",
    "expired",
    "degraded",
    "unreachable",
    "recovered",
    "deregistered",
    "deregistration_ignored",
    "purged",
    "subscribed",
    "unsubscribed",
    "resumed",
]
"""The kinds of events in the log: all but those of accounts and webhooks."""


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of `GET /catalog/v1/log`. An event must match all of them."""

    dialect: Annotated[tuple[Word, ...], Meta(description="Of these dialects, separated by commas.")] = ()
    kind: Annotated[
        tuple[Kind, ...], Meta(description="Of these kinds, separated by commas. The parameter may be repeated.")
    ] = ()
    key: Annotated[Word | None, Meta(description="Of services with exactly this key.")] = None
    name: Annotated[Word | None, Meta(description="Of services with exactly this name.")] = None
    actor: Annotated[Word | None, Meta(description="Caused by exactly this actor.")] = None
    since: Annotated[Word | None, Meta(description=f"Not before this time: {FORMS}.")] = None
    until: Annotated[Word | None, Meta(description=f"Before this time: {FORMS}.")] = None
    q: Annotated[
        Text | None,
        Meta(
            description="With this in the key, the name, an address, the actor or the reason; upper and lower case are "
            f"alike. The newest {SEARCHED} events are searched."
        ),
    ] = None
    limit: Annotated[Limit, Meta(description="Most events on a page.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=CURSOR)] = None

    def wanted(self, now: float) -> LogFilter:
        """Return the filters as the store's search takes them, at `now` (epoch seconds).

        Raises:
            Refused: 400: a time is not valid.
        """
        return LogFilter(
            dialects=self.dialect,
            kinds=self.kind,
            key=self.key,
            name=self.name,
            actor=self.actor,
            since=_instant("since", self.since, now),
            until=_instant("until", self.until, now),
            text=self.q or None,
        )


def _instant(name: str, text: str | None, now: float) -> float | None:
    try:
        return None if text is None else time_text.instant(text, now)
    except ValueError as error:
        raise bad_parameter(name, str(error).capitalize()) from None
