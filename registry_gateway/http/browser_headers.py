"""What browsers are told about a page and its files."""

from collections.abc import Mapping

from registry_gateway.http.exchange import Answer


def for_browsers(answer: Answer, media_type: bytes, headers: Mapping[str, str]) -> Answer:
    """Return `answer` as one of that type, with those headers beside its own. A 304 has no type."""
    kept = [header for header in answer.headers if header[0] != b"content-type"]
    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    answer.headers = [*kept, *([(b"content-type", media_type)] if answer.body else []), *told]
    return answer
