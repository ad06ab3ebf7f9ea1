"""Escaping of text from outside for display: services and anonymous clients choose much of what people read.

Unprintable characters are escaped: control characters (those of U+0080 to U+009F also move a terminal's cursor), line
separators, and characters that change the direction of the surrounding text.
"""

import json

import msgspec


def printable(text: str) -> str:
    r"""Return `text` as one line of printable characters; others are escaped as in Python: `\n`, `\x9b`, `\u202e`."""
    return text if text.isprintable() else "".join([c if c.isprintable() else _as_in_python(c) for c in text])


def quoted(text: str) -> str:
    """Return `text` as a JSON string of printable characters."""
    try:
        return escaped(msgspec.json.encode(text).decode())
    except UnicodeEncodeError:  # half a surrogate pair: a file's name or an argument that is not UTF-8
        return json.dumps(text)


def escaped(text: str) -> str:
    r"""Return the JSON `text` with unprintable characters escaped; line feeds stay, and it decodes to the same value.

    Control characters below U+0020 occur in JSON only between tokens, as white space.
    """
    return text if text.isprintable() else "\n".join(map(_escaped_line, text.split("\n")))


def _escaped_line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join([c if c.isprintable() else " " if c < " " else _as_in_json(c) for c in line])


def _as_in_python(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _as_in_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
