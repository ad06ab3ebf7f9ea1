"""The errors of the core. Each dialect words them in its own form."""


class RegistryError(Exception):
    """Base of the errors that callers receive.

    `code` is stable and meant for programs. The message is meant for people and contains no secret.
    """

    code = "registry_error"


class NotRegistered(RegistryError):
    """The registration does not exist, or its lapse has ended it."""

    code = "not_registered"


class AlreadyRegistered(RegistryError):
    """The key belongs to a live registration."""

    code = "already_registered"


class Unauthorized(RegistryError):
    """The credential is missing or not valid."""

    code = "unauthorized"


class Forbidden(RegistryError):
    """The credential is valid but does not permit this operation."""

    code = "forbidden"


class NotOwner(RegistryError):
    """The registration belongs to another account."""

    code = "not_owner"


class TooMany(RegistryError):
    """The account or the dialect has reached its limit of registrations or tools."""

    code = "too_many"


class RateLimited(RegistryError):
    """The caller exceeds its rate limit. `retry_after` is in whole seconds."""

    code = "rate_limited"

    def __init__(self, retry_after: int) -> None:
        """`retry_after` is the number of whole seconds after which a retry succeeds."""
        super().__init__(f"Too many requests; try again in {retry_after} s")
        self.retry_after = retry_after


class StillSubscribed(RegistryError):
    """The registration has active subscriptions, which prevent its deregistration."""

    code = "still_subscribed"


class AlreadyExists(RegistryError):
    """An account of that name, or a subscription of that subscriber, exists."""

    code = "already_exists"


class NotFound(RegistryError):
    """The account or subscription does not exist."""

    code = "not_found"


class NotInLog(RegistryError):
    """The event log cannot be continued from the requested id: later events have been removed, or the id does not
    exist.

    `after` is the requested id; `first` and `last` are the ids of the first and the last event in the log, 1 and 0 if
    it is empty.
    """

    code = "not_in_log"

    def __init__(self, after: int, first: int, last: int) -> None:
        """`after` is the requested id; `first` and `last` are the ends of the log."""
        if after > last:
            super().__init__(f"The log has no event {after}: it ends with event {last}")
        else:
            super().__init__(f"What followed event {after} is not kept: the log begins with event {first}")
        self.after = after
        self.first = first
        self.last = last


class AccountRevoked(RegistryError):
    """The account is revoked, permanently."""

    code = "account_revoked"


class InvalidAccount(RegistryError):
    """The name or a scope of a new account can't be used."""

    code = "invalid_account"


class Ambiguous(RegistryError):
    """Several dialects have a service with that key, and none was named."""

    code = "ambiguous"


class InvalidUrl(RegistryError):
    """The text is no URL that messages can be sent to. The message says what the form is, and not the URL."""

    code = "invalid_url"


class UnusableUrl(RegistryError):
    """A URL that the gateway may not send messages to. The message says why, and not the URL."""

    code = "unusable_url"


SLOW = "it does not answer in time"
UNNAMED = "the log of the gateway has the cause"
"""Causes of `StoreUnavailable` that may be shown to clients."""


class StoreUnavailable(RegistryError):
    """The database is unreachable or refuses to work; nothing was changed. A retry may succeed."""

    code = "store_unavailable"

    def __init__(self, message: str, cause: str = UNNAMED) -> None:
        """`message` is for the log; `cause` may be shown to clients."""
        super().__init__(message)
        self.cause = cause


class OutcomeUnknown(StoreUnavailable):
    """The database did not confirm a COMMIT in time. The change may or may not have been made; repeating it is safe."""

    code = "outcome_unknown"


class StoreRefuses(StoreUnavailable):
    """The database refuses, and a retry does not help: a privilege, a table or a login is missing.

    Nothing was changed. The message names the operation, the reason, and the operator's remedy. It is for the log and
    for readiness, not for clients.
    """

    code = "store_refuses"


REFUSES = "The registry's database refuses this, and trying again will not help; the gateway's log has the reason"
"""The text that clients receive for `StoreRefuses`."""


class Unstorable(RegistryError):
    """The database works, but cannot store these values. Nothing was changed; a retry does not help.

    Adapters reject such values before this; the error covers those they missed. `decode_errors` answers it like any
    other bad value.
    """

    code = "unstorable"


class Overloaded(StoreUnavailable):
    """A queue is full, too many reads are running, or an expensive read took too long. Nothing was changed; a retry
    helps.
    """

    code = "overloaded"


INTERRUPTED = "a change was worked on, and its outcome is unknown"
"""Note on the `CancelledError` of a caller that was cancelled during a change. Without it nothing was changed. A
subclass would not work: `asyncio.timeout` recognizes only `CancelledError`.
"""
