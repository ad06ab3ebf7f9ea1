"""Shared keys: what clients of a dialect without accounts prove themselves with. Several may be valid at once.

They come from a setting or from a file, and a file is read again while the gateway runs, so a key is changed
without a restart of anybody: the next one is added, clients move to it one after the other, the old one is removed.
"""

import hashlib
import hmac
import logging
from collections.abc import Sequence
from pathlib import Path

from registry_gateway.settings import AROUND, SettingsError

SHORT = 16
"""Characters below which a key is warned of: it could be guessed."""

log = logging.getLogger("registry_gateway.keys")


class Keyring:
    """The keys of one dialect that are valid now."""

    def __init__(self, dialect: str, setting: str, given: Sequence[str] | None, file: str | None) -> None:
        """Take the keys of a setting, or read those of a file.

        Args:
            dialect: Whose keys they are: `key:<dialect>:<id>` is how their holders are called.
            setting: Name of the setting with the keys; that of the file is the same with `_FILE`.
            given: The keys themselves, or None.
            file: Where they are, or None: one a line, blank lines and lines that start with # left out, in UTF-8 with
                or without a byte order mark.

        Raises:
            SettingsError: The file can't be read, or holds no key.
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
        """Return who sends the key `given`, such as `key:chap:1a2b3c4d`; None if it is no valid one.

        Takes the same time whichever key it is, and however much of one is right.
        """
        sent = given.encode("latin-1", "backslashreplace")  # as it came: that is how ASGI's bytes were read
        found = None
        for key in self._keys:
            if hmac.compare_digest(sent, key.secret):
                found = key
        if found is None:
            return None
        found.uses += 1
        return found.holder

    def reload(self) -> None:
        """Read the file again, if the keys are from one. If that fails, the keys stay, and the log says why.

        The log also says how often each key was used since this was last done: 0 for one that may go.
        """
        uses = ",".join(f"{key.holder}={key.uses}" for key in self._keys)
        log.info("keys used since the last look", extra={"setting": self._setting, "uses": uses})
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
        """Tell the log which keys are valid, and warn of those that could be guessed. The keys are not shown."""
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
    """A key, what whoever has it is called, and how often it was used."""

    __slots__ = ("holder", "secret", "uses")

    def __init__(self, key: str, holder: str) -> None:
        self.secret = key.encode()
        self.holder = holder
        self.uses = 0


class Keyrings:
    """The keyrings of a gateway, to be read again together."""

    def __init__(self) -> None:
        """Start with none."""
        self._opened: list[Keyring] = []

    def open(self, dialect: str, setting: str, given: Sequence[str] | None, file: str | None) -> Keyring | None:
        """Return a dialect's keyring as `Keyring` makes it; None if there are neither keys nor a file: it is open.

        Raises:
            SettingsError: The file can't be read, or holds no key.
        """
        if given is None and file is None:
            return None
        opened = Keyring(dialect, setting, given, file)
        self._opened.append(opened)
        return opened

    def reload(self) -> None:
        """Read all files again."""
        for keyring in self._opened:
            keyring.reload()

    def report(self) -> None:
        """Tell the log which keys are valid."""
        for keyring in self._opened:
            keyring.report()


def check(setting: str, given: Sequence[str] | None, file: str | None) -> None:
    """Return if the keys come from one place.

    Raises:
        SettingsError: There is a file as well as keys.
    """
    if given is not None and file is not None:
        raise SettingsError(f"{setting} and {setting}_FILE are both set; keep one")


def closing(setting: str, given: Sequence[str] | None, file: str | None) -> str | None:
    """Return the name of the setting that closes a dialect, None if there are keys or a file: it is closed."""
    return setting if given is None and file is None else None


def _read(file: Path) -> list[str]:
    """Return the keys in a file.

    Raises:
        ValueError: It can't be read, or holds none; says so in one line.
    """
    try:
        content = file.read_bytes()
        if b"\x00" in content:  # text in UTF-8 has none, and text in UTF-16 has one for each ASCII character
            raise ValueError(f"can't read {file}: it is not UTF-8 (UTF-16, it seems); save it as UTF-8")
        lines = [line.strip(AROUND) for line in content.decode().splitlines()]
    except OSError as error:
        raise ValueError(f"can't read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"can't read {file}: it is no text in UTF-8") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ValueError(f"{file} holds no key")
    return keys


def _id(key: str, place: int) -> str:
    """Return what a key is called in events and the log.

    It is the start of a hash, the same on every gateway. A short key could be guessed from that, so it is only
    called by its place among the others.
    """
    return str(place) if len(key) < SHORT else hashlib.sha256(key.encode()).hexdigest()[:8]
