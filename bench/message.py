"""One HTTP request: what it says, and how it looks on the wire."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

COUNTER = "@" * 9
"""Stands for a number that is another in every request; `requests.lua` fills it in."""


@dataclass(frozen=True)
class Message:
    """A request."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def numbered(self, number: int) -> "Message":
        """Return it with `number` in place of the counter: to send it once, outside of wrk."""
        digits = f"{number:0{len(COUNTER)}d}"
        path = self.path.replace(COUNTER, digits)
        return replace(self, path=path, body=self.body.replace(COUNTER.encode(), digits.encode()))

    def on_the_wire(self, host: str, *, close: bool) -> bytes:
        """Return the bytes to send; with `close`, the connection ends after the answer."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.method != "GET":
            lines.append(f"Content-Length: {len(self.body)}")
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def write(path: Path, messages: Iterable[Message], host: str, *, close: bool = False) -> None:
    """Write the file `requests.lua` replays."""
    with path.open("wb") as file:
        for message in messages:
            content = message.on_the_wire(host, close=close)
            file.write(b"%d\n%s" % (len(content), content))
