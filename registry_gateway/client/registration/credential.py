"""The key or token of a registration."""

import logging
from pathlib import Path

from registry_gateway.client.file_content import content
from registry_gateway.client.registration.answers import NotAccepted
from registry_gateway.client.secret import sendable

logger = logging.getLogger("registry_gateway.registration")

MOST_BYTES = 2**16
"""Most bytes of a file with a key that are read."""


class Credential:
    """A key or token, or the file that has it. The file is read for each request, so that it can be replaced.

    While there is no key in the file, because it is missing or a full disk has left it empty, the one that was read
    last is used. The log says so once.
    """

    def __init__(self, secret: str | None = None, file: str | Path | None = None) -> None:
        """Take `secret`, or the first line of `file` that is neither empty nor begins with `#`.

        Raises:
            ValueError: Both are given, or `secret` can't be sent in a header. It is not repeated.
        """
        if secret is not None and file is not None:
            raise ValueError("give a key or a file with it, not both")
        self._file = None if file is None else Path(file)
        self._secret = None if secret is None else sendable(secret, "the key or token")
        self._trouble: str | None = None

    def read(self) -> str | None:
        """Return the key or token; None if there is none.

        Raises:
            NotAccepted: The file can't be read, or no key in it can be sent, and none was read before.
        """
        if self._file is None:
            return self._secret
        try:
            self._secret = _key_in(self._file)
            self._log(None)
        except ValueError as error:
            if self._secret is None:
                raise NotAccepted(str(error), refused=True, not_sent=True) from None
            self._log(str(error))
        return self._secret

    def _log(self, trouble: str | None) -> None:
        """Log what is wrong with the file, once until it changes, and when nothing is any more."""
        if trouble is not None and trouble != self._trouble:
            logger.warning("%s; the key that was read before is used", trouble)
        if trouble is None and self._trouble is not None:
            logger.info("there is a key in %s again", self._file)
        self._trouble = trouble


def _key_in(file: Path) -> str:
    """Return the key in a file.

    Raises:
        ValueError: The file can't be read, or no key in it can be sent. The message is one line.
    """
    try:
        lines = content(file, MOST_BYTES).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"can't read the key file {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"can't read the key file {file}: it is not UTF-8") from None
    found = next((one for one in lines if one.strip() and not one.startswith("#")), "")
    return sendable(found, f"key file {file}: the key")
