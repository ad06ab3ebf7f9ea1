"""Static files of a package, and answers with the headers that browsers need."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from starlette.exceptions import HTTPException

from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.rendered import Rendered

HTML = b"text/html; charset=utf-8"

_MEDIA_TYPES = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8", ".svg": b"image/svg+xml"}
"""Media types by file extension. Files with other extensions are not served."""


class StaticFiles:
    """The scripts, style sheets and images in folders of a package, by name. Each is read at its first request."""

    def __init__(self, package: str, folders: Sequence[str], headers: Mapping[str, str]) -> None:
        """Serve `folders` of `package`. Every answer has `headers`, such as a Content-Security-Policy."""
        found = (file for folder in folders for file in files(package).joinpath(folder).iterdir())
        self._files = {file.name: file for file in found if _media_type(file.name) is not None}
        self._headers = headers
        self._read: dict[str, Rendered] = {}

    def __contains__(self, name: object) -> bool:
        """Return whether there is a file of that name."""
        return name in self._files

    def answer(self, call: Call, name: str) -> Answer:
        """Return the answer to a request for a file.

        Raises:
            HTTPException: 404: there is no such file.
        """
        media_type = _media_type(name)
        if media_type is None or name not in self._files:
            raise HTTPException(404)
        if name not in self._read:
            self._read[name] = Rendered(self._files[name].read_bytes())
        return for_browsers(call.answer(self._read[name]), media_type, self._headers)


def for_browsers(answer: Answer, media_type: bytes, headers: Mapping[str, str]) -> Answer:
    """Return `answer` with that media type (unless it has no body) and with additional headers."""
    kept = [header for header in answer.headers if header[0] != b"content-type"]
    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    answer.headers = [*kept, *([(b"content-type", media_type)] if answer.body else []), *told]
    return answer


def _media_type(name: str) -> bytes | None:
    return _MEDIA_TYPES.get("." + name.rpartition(".")[2])
