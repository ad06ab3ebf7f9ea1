"""The key or token of a registration."""

from pathlib import Path

from registry_gateway.client.registration.answers import NotAccepted
from registry_gateway.client.secret import sendable


class Credential:
    """A key or token, or the file that has it. The file is read for each request, so that it can be replaced."""

    def __init__(self, secret: str | None = None, file: str | Path | None = None) -> None:
        """Take `secret`, or the first line of `file` that is neither empty nor begins with `#`.

        Raises:
            ValueError: Both are given, or `secret` can't be sent in a header. It is not repeated.
        """
        if secret is not None and file is not None:
            raise ValueError("give a key or a file with it, not both")
        self._file = None if file is None else Path(file)
        self._secret = None if secret is None else sendable(secret, "the key or token")

    def read(self) -> str | None:
        """Return the key or token; None if there is none.

        Raises:
            NotAccepted: The file can't be read, or no key in it can be sent.
        """
        if self._file is None:
            return self._secret
        try:
            lines = self._file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise NotAccepted(f"can't read the key file {self._file}: {reason}", refused=True, not_sent=True) from None
        try:
            return sendable(next((one for one in lines if one.strip() and not one.startswith("#")), ""), "the key")
        except ValueError as error:
            raise NotAccepted(f"key file {self._file}: {error}", refused=True, not_sent=True) from None
