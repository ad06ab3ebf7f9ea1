"""The errors of the client. Their messages are one line each, have the gateway's words, and never a token."""

from http import HTTPStatus


class GatewayError(Exception):
    """Base of the errors of the client.

    Attributes:
        passing: Whether a repetition may succeed.
        retry_after: The seconds of `Retry-After`; None if there is none.
    """

    passing = False
    retry_after: float | None = None


class Unreachable(GatewayError):
    """There is no connection, no complete answer in time, or a certificate that is not trusted."""

    def __init__(self, message: str, *, passing: bool = True) -> None:
        """`passing` is whether a repetition may succeed."""
        super().__init__(message)
        self.passing = passing


class UnexpectedAnswer(GatewayError):
    """The server is no registry-gateway, or one that answers with what this version can't read."""


class NoGateway(UnexpectedAnswer):
    """Another server answers: the URL is wrong, or a proxy has lost its gateway.

    A watch that was connected continues.
    """


class Refused(GatewayError):
    """The gateway refused the request.

    Attributes:
        status: The HTTP status.
        detail: The gateway's words.
        code: Its identifier of the reason for programs; None if it gave none.
        parameter: The parameter that is wrong; None if it named none.
    """

    def __init__(
        self,
        message: str,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        parameter: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """For the arguments see the attributes."""
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.code = code
        self.parameter = parameter
        self.retry_after = retry_after


class Invalid(Refused):
    """400 or 422: a parameter can't be used; `parameter` is its name."""


class Unauthorized(Refused):
    """401: a token is needed, or the given one is unknown, expired or revoked."""


class Forbidden(Refused):
    """403: the token's account may not do this."""


class NotFound(Refused):
    """404: there is no such service or tool, and never was as far as the log of events reaches."""


class NotKept(Refused):
    """410: the log of events does not reach back that far."""


class NotReady(Refused):
    """429, 502, 503 or 504: the gateway or a proxy before it can't answer at present.

    It was repeated before this was raised, unless the database refuses permanently (`code` is `store_refuses`).
    """

    @property
    def passing(self) -> bool:  # type: ignore[override] # depends on the code
        """Whether a repetition may succeed."""
        return self.code != "store_refuses"


class NotReached(GatewayError, TimeoutError):
    """A service does not have the awaited status when the time is over."""


BY_STATUS: dict[int, type[Refused]] = {
    HTTPStatus.BAD_REQUEST: Invalid,
    HTTPStatus.UNPROCESSABLE_ENTITY: Invalid,
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.GONE: NotKept,
    HTTPStatus.TOO_MANY_REQUESTS: NotReady,
    HTTPStatus.BAD_GATEWAY: NotReady,
    HTTPStatus.SERVICE_UNAVAILABLE: NotReady,
    HTTPStatus.GATEWAY_TIMEOUT: NotReady,
}
"""The error for each status; `Refused` for others."""
