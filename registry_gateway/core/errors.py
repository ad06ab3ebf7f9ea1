"""What can go wrong in the core. Raised once here, worded by each dialect."""


class RegistryError(Exception):
    """Base of the errors a caller is told about.

    `code` is stable and meant for programs; the message is meant for people and holds no secret.
    """

    code = "registry_error"


class NotRegistered(RegistryError):
    """No such registration, or one whose lapse has ended it."""

    code = "not_registered"


class AlreadyRegistered(RegistryError):
    """The key is taken by a registration that is alive."""

    code = "already_registered"


class Unauthorized(RegistryError):
    """The caller showed no credential, or one that is not valid."""

    code = "unauthorized"


class Forbidden(RegistryError):
    """The caller is known and may not do this."""

    code = "forbidden"


class NotOwner(RegistryError):
    """The registration belongs to another account."""

    code = "not_owner"


class TooMany(RegistryError):
    """The account, or the dialect, has as many registrations as it may have."""

    code = "too_many"


class RateLimited(RegistryError):
    """The caller changes things more often than it may. `retry_after` is in whole seconds."""

    code = "rate_limited"

    def __init__(self, retry_after: int) -> None:
        """Take the seconds after which asking again will help."""
        super().__init__(f"Too many requests; try again in {retry_after} s")
        self.retry_after = retry_after


class StillSubscribed(RegistryError):
    """The registration has subscribers and can't be deregistered before they are gone."""

    code = "still_subscribed"


class AlreadyExists(RegistryError):
    """An account of that name, or a subscription of that subscriber, is there already."""

    code = "already_exists"


class NotFound(RegistryError):
    """No such account or subscription."""

    code = "not_found"


class NotInLog(RegistryError):
    """The log does not go on behind the id that was asked for: events that followed it are not kept any longer, or it
    has no such id. `first` and `last` are the ids of the first and the last event there are; 1 and 0 if there is none.
    """

    code = "not_in_log"

    def __init__(self, after: int, first: int, last: int) -> None:
        """Take the id that was asked for, and those of the first and the last event that are kept."""
        if after > last:
            super().__init__(f"The log has no event {after}: it ends with event {last}")
        else:
            super().__init__(f"What followed event {after} is not kept: the log begins with event {first}")
        self.first = first
        self.last = last


class AccountRevoked(RegistryError):
    """The account was revoked, which is for ever."""

    code = "account_revoked"


class Ambiguous(RegistryError):
    """Services of several dialects have that key, and which one is meant was not said."""

    code = "ambiguous"


SLOW = "it does not answer in time"
UNNAMED = "the log of the gateway has the cause"
"""Causes of `StoreUnavailable`, in words that may be shown to clients."""


class StoreUnavailable(RegistryError):
    """The database can't be reached or refuses to work; nothing was changed. Trying again may help."""

    code = "store_unavailable"

    def __init__(self, message: str, cause: str = UNNAMED) -> None:
        """Take what the log says, and the cause in words that may be shown to clients."""
        super().__init__(message)
        self.cause = cause


class OutcomeUnknown(StoreUnavailable):
    """The database was asked to commit a change and did not say in time what became of it.

    The change was made or it was not; which of the two can't be told. It is safe to ask for it again.
    """

    code = "outcome_unknown"


class StoreRefuses(StoreUnavailable):
    """The database refuses, and trying again does not help: a privilege, a table or a login is missing.

    Nothing was changed. The message names what was being done, the reason, and what the operator can do; it is for the
    log and for readiness, not for clients.
    """

    code = "store_refuses"


REFUSES = "The registry's database refuses this, and trying again will not help; the gateway's log has the reason"
"""What clients are told of `StoreRefuses`."""


class Unstorable(RegistryError):
    """The database works, but takes no values such as these. Nothing was changed; trying again won't help.

    Adapters keep such values out; this is for the ones they did not think of. `decode_errors` words it as it does any
    other bad value.
    """

    code = "unstorable"


class Overloaded(StoreUnavailable):
    """More is waiting, or running, than there is room for, or an expensive read took too long. Nothing was changed;
    trying again will help.
    """

    code = "overloaded"


INTERRUPTED = "a change was worked on, and its outcome is unknown"
"""Note on the `CancelledError` of a caller that was cancelled meanwhile. Without it nothing was changed. A class of its
own would not do: `asyncio.timeout` knows `CancelledError` alone.
"""
