"""Shared keys: the credentials of a dialect without accounts. Several may be valid at once.

They come from a setting or a file. A file is read again on SIGHUP, so keys can be rotated without restarting the
gateway: add the new key, change the clients one after the other, remove the old key.
"""

import hashlib
import hmac
import logging
from collections.abc import Sequence
from pathlib import Path

from registry_gateway.settings import STRIPPED, SettingsError

SHORT = 16
"""Length in characters below which a key could be guessed; a warning is logged."""

log = logging.getLogger("registry_gateway.keys")


class Keyring:
    """The valid keys of one dialect."""

    def __init__(self, dialect: str, setting: str, given: Sequence[str] | None, file: str | None) -> None:
        """Read the file with the keys, if there is one.

        Args:
            dialect: The dialect. Holders of its keys are named `key:<dialect>:<id>`.
            setting: Name of the setting with the keys; the name of the setting with the file has `_FILE` added.
            given: The keys, or None.
            file: Path of the file, or None. It has one key per line, in UTF-8 with or without a byte order mark. Blank
                lines and lines that start with # are ignored.

        Raises:
            SettingsError: The file can't be read, or contains no key.
        """
        self._dialect = dialect
        self._setting = setting
        self._file = None if file is None else Path(file)
        try:
            keys = list(given or ()) if self._file is None else _read(self._file)
        except ValueError as error:
            raise SettingsError(f"{setting}_FILE: {error}") from None
        self._keys = self._named(keys)

    def holder(self, given: str) -> str | None:
        """Return the holder of a key, such as `key:chap:1a2b3c4d`; None if the key is not valid.

        The time does not depend on which key it is, nor on how much of it is correct.
        """
        sent = given.encode("latin-1", "backslashreplace")  # restores the bytes of the ASGI header
        found = None
        for key in self._keys:
            if hmac.compare_digest(sent, key.secret):
                found = key
        if found is None:
            return None
        found.uses += 1
        return found.holder

    def reload(self) -> None:
        """Read the file again, if there is one. If that fails, the error is logged and the keys stay valid.

        It also logs how often each key was used since the last call. A key with 0 uses can be removed.
        """
        uses = ",".join(f"{key.holder}={key.uses}" for key in self._keys)
        log.info("uses of keys since the last reload", extra={"setting": self._setting, "uses": uses})
        for key in self._keys:
            key.uses = 0
        if self._file is None:
            return
        try:
            keys = _read(self._file)
        except ValueError as error:
            log.error("%s_FILE: %s; the keys read before stay valid", self._setting, error)
            return
        self._keys = self._named(keys)
        self.report()

    def report(self) -> None:
        """Log the ids of the valid keys, with a warning if one could be guessed. The keys are not shown."""
        fields = {"setting": self._setting, "keys": ",".join(key.holder for key in self._keys)}
        log.info("keys in effect", extra=fields)
        if any(len(key.secret) < SHORT for key in self._keys):
            log.warning(
                "%s: a key has fewer than %d characters and could be guessed; make one with: openssl rand -hex 32",
                self._setting,
                SHORT,
            )

    def _named(self, keys: Sequence[str]) -> list["_Key"]:
        return [_Key(key, f"key:{self._dialect}:{_id(key, place)}") for place, key in enumerate(keys, start=1)]


class _Key:
    """A key, the name of its holders, and its number of uses."""

    __slots__ = ("holder", "secret", "uses")

    def __init__(self, key: str, holder: str) -> None:
        self.secret = key.encode()
        self.holder = holder
        self.uses = 0


class Keyrings:
    """The keyrings of a gateway, which are reloaded together."""

    def __init__(self) -> None:
        self._opened: list[Keyring] = []

    def open(self, dialect: str, setting: str, given: Sequence[str] | None, file: str | None) -> Keyring | None:
        """Return a dialect's keyring (for the arguments see `Keyring`); None if there are neither keys nor a file.

        Raises:
            SettingsError: The file can't be read, or contains no key.
        """
        if given is None and file is None:
            return None
        opened = Keyring(dialect, setting, given, file)
        self._opened.append(opened)
        return opened

    def reload(self) -> None:
        """Reload all keyrings."""
        for keyring in self._opened:
            keyring.reload()

    def report(self) -> None:
        """Log the ids of the valid keys of all keyrings."""
        for keyring in self._opened:
            keyring.report()


def check(setting: str, given: Sequence[str] | None, file: str | None) -> None:
    """Check that the keys are set in one place.

    Raises:
        SettingsError: Both keys and a file are set.
    """
    if given is not None and file is not None:
        raise SettingsError(f"{setting} and {setting}_FILE are both set; keep one")


def closing(setting: str, given: Sequence[str] | None, file: str | None) -> str | None:
    """Return `setting` if no keys are required because neither keys nor a file are set, else None."""
    return setting if given is None and file is None else None


def _read(file: Path) -> list[str]:
    """Return the keys in a file.

    Raises:
        ValueError: It can't be read, or contains no key. The message is one line.
    """
    try:
        content = file.read_bytes()
        if b"\x00" in content:  # UTF-8 text has none, UTF-16 text has one for each ASCII character
            raise ValueError(f"can't read {file}: it is not UTF-8 (UTF-16, it seems); save it as UTF-8")
        lines = [line.strip(STRIPPED) for line in content.decode().splitlines()]
    except OSError as error:
        raise ValueError(f"can't read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"can't read {file}: it is not UTF-8") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ValueError(f"{file} contains no key")
    return keys


def _id(key: str, place: int) -> str:
    """Return the id of a key in events and the log.

    It is the start of a hash, so it is the same on every gateway. A short key could be guessed from its hash, so its id
    is its position in the list.
    """
    return str(place) if len(key) < SHORT else hashlib.sha256(key.encode()).hexdigest()[:8]
