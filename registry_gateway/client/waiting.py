"""The wait for a status of a service, which follows a watch. No input or output."""

from registry_gateway.client.errors import NotReached
from registry_gateway.client.filters import ServiceFilters
from registry_gateway.client.services import Service
from registry_gateway.client.watch import News, Snapshot
from registry_gateway.core.status import Status


class Waiting:
    """The wait for one service. `service` is how it is listed; None if it is gone."""

    def __init__(self, key: str, status: str, dialect: str | None) -> None:
        """Wait for `key` to have `status`; without `dialect` in any.

        Raises:
            ValueError: There is no such status.
        """
        self._key = key
        self._wanted = Status(status)
        self._dialect = dialect
        self._listed: dict[str, Service] | None = None

    @property
    def filters(self) -> ServiceFilters:
        """What to watch."""
        return {"q": self._key} if self._dialect is None else {"q": self._key, "dialect": self._dialect}

    @property
    def service(self) -> Service | None:
        """The service as it is listed: with the wanted status if it has that in a dialect; None if it is gone."""
        listed = list((self._listed or {}).values())
        return next((s for s in listed if s.status is self._wanted), next(iter(listed), None))

    def reached(self, news: News) -> bool:
        """Process what the watch yields, and return whether the service has the status now."""
        if isinstance(news, Snapshot):
            self._listed = {s.dialect: s for s in news.services if s.key == self._key}
        elif news.event.key == self._key and self._listed is not None:
            self._listed.pop(news.event.dialect, None)
            if news.service is not None:
                self._listed[news.event.dialect] = news.service
        return self._status() is self._wanted

    def _status(self) -> Status:
        service = self.service
        return Status.GONE if service is None else service.status

    def late(self, seconds: float) -> NotReached:
        """Return the error for a wait that is over after `seconds`."""
        state = "the gateway has not answered" if self._listed is None else f"it is {self._status().value}"
        return NotReached(f"{self._key} is not {self._wanted.value} after {seconds:g} s: {state}")
