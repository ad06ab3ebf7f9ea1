"""What prevented a request or its answer, in one line with advice."""

import httpx


def words(error: Exception, name: str) -> str:
    """Return the line for an error of httpx. `name` is what the server is called."""
    reason = str(error) or type(error).__name__
    match error:
        case httpx.TimeoutException():
            return f"{name} does not answer; check that it is running and reachable"
        case httpx.RemoteProtocolError():
            broken = "disconnected" in reason or "closed connection" in reason
            problem = "broke the connection" if broken else "does not speak HTTP"
            advice = "; if it speaks TLS, use https://" if name.startswith("http://") else ""
            return f"{name} {problem}: {reason.rstrip('.')}{advice}"
    if _plain_text(reason):
        return f"{name} does not speak TLS; try http://"
    return f"can't reach {name}: {reason}{_advice(error, reason)}"


def may_pass(error: Exception) -> bool:
    """Return whether a repetition may succeed."""
    no_name = isinstance(error, (httpx.InvalidURL, UnicodeError))
    return not no_name and not _plain_text(str(error)) and not _distrusted(str(error))


def may_have_address(url: str) -> bool:
    """Return whether the host of a URL can have an address: no part of its name is empty or too long.

    A blocking look-up refuses such a name. One of asyncio asks the resolver, whose answer could change.
    """
    try:
        httpx.URL(url).raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        return False
    return True


def _advice(error: Exception, reason: str) -> str:
    if _distrusted(reason):
        return "; for a private certificate authority set SSL_CERT_FILE to the file with its certificates"
    return "; is it running, and is the URL right?" if isinstance(error, httpx.NetworkError) else ""


def _plain_text(reason: str) -> bool:
    return "WRONG_VERSION_NUMBER" in reason  # OpenSSL's error for an answer in plain text


def _distrusted(reason: str) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in reason
